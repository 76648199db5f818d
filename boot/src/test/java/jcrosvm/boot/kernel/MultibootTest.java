package jcrosvm.boot.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.boot.EntryState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MultibootTest {
    private static final int LOAD = 0x40_0000;
    private static final int ADDRESSES = 1 << 16;

    @TempDir
    Path folder;

    @Test
    void elfImageGetsItsInformation() {
        try (Loading loading = new Loading(folder, 64)) {
            byte[] image = Images.elf32(LOAD + 8, LOAD, 9000, 12000, true);
            EntryState entry =
                    loading.entry(loading.config(image).withInitrd(loading.file("module", Images.content(77))));

            assertThat(entry.registers().rax()).isEqualTo(0x2badb002);
            assertThat(entry.registers().rip()).isEqualTo(LOAD + 8);
            assertThat(entry.specialRegisters().cr0()).isEqualTo(0x11);
            long info = entry.registers().rbx();
            var memory = loading.memory;
            assertThat(memory.getInt(info)).isEqualTo(1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
            assertThat(memory.getInt(info + 8)).isEqualTo(63 << 10);
            assertThat(loading.text(memory.getInt(info + 16)))
                    .endsWith("kernel quiet a=b")
                    .startsWith("/");
            assertThat(memory.getInt(info + 20)).isEqualTo(1);
            long module = memory.getInt(info + 24);
            assertThat(memory.getInt(module + 4) - memory.getInt(module)).isEqualTo(77);
            assertThat(memory.read(memory.getInt(module), 77)).isEqualTo(Images.content(77));
            assertThat(loading.text(memory.getInt(info + 64))).isEqualTo("jcrosvm");
            int left = memory.getInt(info + 44);
            long at = memory.getInt(info + 48);
            for (var expected : loading.layout.e820()) {
                assertThat(memory.getLong(at + 4)).isEqualTo(expected.address());
                assertThat(memory.getLong(at + 12)).isEqualTo(expected.size());
                assertThat(memory.getInt(at + 20)).isEqualTo(expected.type());
                left -= memory.getInt(at) + 4;
                at += memory.getInt(at) + 4;
            }
            assertThat(left).isZero();
        }
    }

    @Test
    void addressFieldsSayWhatIsLoaded() {
        ByteBuffer image = Images.buffer(9000);
        image.put(0, Images.content(9000));
        int header = LOAD + 0x100 - 0x40;
        // Load from file position 0x40, 0x1000 bytes, bss to 0x2000.
        Images.multibootHeader(image, 0x100, ADDRESSES, header, LOAD, LOAD + 0x1000, LOAD + 0x2000, LOAD + 4);
        try (Loading loading = new Loading(folder, 64)) {
            loading.memory.fill(LOAD + 0x1000, 0x2000, (byte) 7);
            EntryState entry = loading.entry(loading.config(image.array()));

            assertThat(entry.registers().rip()).isEqualTo(LOAD + 4);
            byte[] expected = Arrays.copyOfRange(image.array(), 0x40, 0x1040);
            assertThat(loading.memory.read(LOAD, 0x1000)).isEqualTo(expected);
            assertThat(loading.memory.read(LOAD + 0x1000, 0x1000)).containsOnly(0);
            assertThat(loading.memory.getByte(LOAD + 0x2000)).isEqualTo((byte) 7);
        }
    }

    /** Real-mode test programs are linked there. */
    @Test
    void lowMemoryThatTheProtocolLeavesFreeIsUsed() {
        try (Loading loading = new Loading(folder, 64)) {
            ByteBuffer image = Images.buffer(9000);
            Images.multibootHeader(image, 0x100, ADDRESSES, 0x8100, 0x8000, 0, 0, 0x8000);
            loading.load(image.array());
            assertThat(loading.memory.read(0x8000, 9000)).isEqualTo(image.array());
        }
    }

    @Test
    void badAddressFieldsAreRefused() {
        List<int[]> bad = List.of(
                new int[] {LOAD - 4, LOAD, 0, 0, LOAD},
                new int[] {LOAD + 0x1000, LOAD, 0, 0, LOAD},
                new int[] {LOAD, LOAD, LOAD - 4, 0, LOAD},
                new int[] {LOAD, LOAD, LOAD + 0x100000, 0, LOAD},
                new int[] {LOAD, LOAD, LOAD + 0x1000, LOAD + 0x800, LOAD},
                new int[] {LOAD, LOAD, 0, -1, LOAD},
                new int[] {0x6000, 0x6000, 0, 0, 0x6000},
                new int[] {0x1f000, 0x1f000, 0, 0, 0x1f000},
                new int[] {-0x2000, -0x2000, 0, 0, -0x2000},
                new int[] {LOAD, LOAD, 0, 0, LOAD - 1});
        try (Loading loading = new Loading(folder, 64)) {
            for (int[] fields : bad) {
                ByteBuffer image = Images.buffer(9000);
                Images.multibootHeader(image, 0x100, ADDRESSES, fields);
                assertThatThrownBy(() -> loading.load(image.array()))
                        .isInstanceOf(VmmException.class)
                        .hasMessageContaining("kernel '");
            }
            ByteBuffer wanting = Images.buffer(9000);
            Images.multibootHeader(wanting, 0x100, ADDRESSES | 1 << 4, LOAD + 0x100, LOAD, 0, 0, LOAD);
            assertThatThrownBy(() -> loading.load(wanting.array())).hasMessageContaining("0x10");
        }
    }

    @Test
    void wrongChecksumIsNoHeader() {
        ByteBuffer image = Images.buffer(9000);
        Images.multibootHeader(image, 0x100, ADDRESSES, LOAD + 0x100, LOAD, 0, 0, LOAD);
        image.putInt(0x108, 1);
        try (Loading loading = new Loading(folder, 64)) {
            assertThatThrownBy(() -> loading.load(image.array())).hasMessageContaining("not a kernel");
        }
    }
}
