package jcrosvm.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import jcrosvm.base.io.Fd;
import org.junit.jupiter.api.Test;

class OsExceptionTest {
    @Test
    void namesCallErrnoAndReason() {
        assertThatThrownBy(() -> Fd.open(Path.of("/no/such/file"), Fd.O_RDONLY))
                .isInstanceOfSatisfying(OsException.class, e -> {
                    assertThat(e.errno()).isEqualTo(Errno.ENOENT);
                    assertThat(e.errnoName()).isEqualTo("ENOENT");
                })
                .hasMessage("cannot open /no/such/file: No such file or directory (ENOENT)");
    }

    /** The table is indexed by number: a slip would shift all later names. */
    @Test
    void namesMatchTheConstants() throws IllegalAccessException {
        for (var field : Errno.class.getFields()) {
            assertThat(Errno.name(field.getInt(null))).isEqualTo(field.getName());
        }
        assertThat(Errno.name(133)).isEqualTo("EHWPOISON");
        assertThat(Errno.name(9999)).isEqualTo("9999");
        assertThat(Errno.name(-1)).isEqualTo("-1");
    }
}
