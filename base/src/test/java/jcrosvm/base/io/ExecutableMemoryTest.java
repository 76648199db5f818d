package jcrosvm.base.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class ExecutableMemoryTest {
    private static final byte[] ADD_FIVE = {0x48, (byte) 0x8d, 0x47, 0x05, (byte) 0xc3}; // lea rax, [rdi+5]; ret

    @Test
    void codeRunsAndCanBeRewritten() {
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "machine code of another architecture");
        try (ExecutableMemory memory = ExecutableMemory.allocate("test", 2 * Mapping.PAGE)) {
            memory.segment().asSlice(4096).copyFrom(MemorySegment.ofArray(ADD_FIVE));
            assertThat(ExecutableMemory.call(memory.address() + 4096, 37)).isEqualTo(42);
            memory.segment().set(ValueLayout.JAVA_BYTE, 4096 + 3, (byte) 6);
            assertThat(ExecutableMemory.call(memory.address() + 4096, -7)).isEqualTo(-1);
        }
    }
}
