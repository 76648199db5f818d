package jcrosvm.hypervisor.soft.mmu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Mapping;
import jcrosvm.hypervisor.MemorySlot;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import org.junit.jupiter.api.Test;

final class MmuTest {
    private final TestMachine machine = new TestMachine(1 << 20);
    private final Mmu mmu = machine.mmu;

    /** Linear page n at physical page {@code pages[n]}, with these flags: 4-level tables from 0x80000 on. */
    private void map(long... entries) {
        machine.physical(0x80000, 0x81007);
        machine.physical(0x81000, 0x82007);
        machine.physical(0x82000, 0x83007);
        for (int i = 0; i < entries.length; i++) {
            machine.physical(0x83000 + 8L * i, entries[i]);
        }
        machine.cpu.cr3 = 0x80000;
        machine.cpu.cr0 = Control.CR0_PG | Control.CR0_PE | Control.CR0_WP;
        machine.cpu.cr4 = Control.CR4_PAE | Control.CR4_PGE;
        machine.cpu.efer = Control.EFER_LME | Control.EFER_LMA | Control.EFER_NXE;
        machine.cpu.modeChanged();
        mmu.rightsChanged();
        mmu.flush(true);
    }

    private void user() {
        machine.cpu.cpl = 3;
        machine.cpu.modeChanged();
        mmu.rightsChanged();
    }

    private void pageFault(Runnable access, long linear, int code) {
        assertThatThrownBy(access::run).isInstanceOf(GuestException.class).hasMessage("vector 14, error code " + code);
        assertThat(machine.cpu.cr2).isEqualTo(linear);
    }

    @Test
    void everySizeAndAlignmentReadsWhatWasWritten() {
        for (int size = 1; size <= 8; size *= 2) {
            long mask = size == 8 ? -1 : (1L << size * 8) - 1;
            for (int offset = 0xff0; offset < 0x1010; offset++) {
                machine.ram.segment().asSlice(0xfe0, 64).fill((byte) 0x5a);
                mmu.write(offset, size, 0x8877665544332211L);
                assertThat(mmu.read(offset, size)).isEqualTo(0x8877665544332211L & mask);
                assertThat(mmu.read(offset - 1, 1)).isEqualTo(0x5a);
                assertThat(mmu.read(offset + size, 1)).isEqualTo(0x5a);
            }
        }
    }

    @Test
    void pagesThatDoNotFollowEachOtherInMemory() {
        map(0x5007, 0x3007);
        mmu.write(0xffd, 8, 0x8877665544332211L);
        assertThat(mmu.read(0xffd, 8)).isEqualTo(0x8877665544332211L);
        assertThat(machine.physical(0x5ff8) >>> 40).isEqualTo(0x332211);
        assertThat(machine.physical(0x3000)).isEqualTo(0x8877665544L);
    }

    @Test
    void aWriteThatCrossesIntoAFaultChangesNothing() {
        map(0x5003, 0x3001);
        pageFault(() -> mmu.write(0xffd, 8, -1), 0x1000, 3);
        assertThat(machine.physical(0x5ff8)).isZero();
        pageFault(() -> mmu.write(0x1ffd, 8, -1), 0x1ffd, 3);
        pageFault(() -> mmu.read(0x1ffd, 8), 0x2000, 0);
        assertThat(machine.physical(0x83000) & 0x40).as("dirty").isZero();
    }

    @Test
    void systemAccessesAreTheSupervisorsWhateverTheLevel() {
        map(0x5003, 0x3007);
        user();
        pageFault(() -> mmu.read(0x10, 4), 0x10, 5);
        mmu.writeSystem(0x10, 4, 77);
        assertThat(mmu.readSystem(0x10, 8)).isEqualTo(77);
        pageFault(() -> mmu.write(0x10, 4, 0), 0x10, 7);
    }

    @Test
    void devicesSeeAlignedPiecesOfWhatCrossesAPage() {
        map(0x5007, 0xfee00007L);
        machine.answer = 0x1122334455667788L;
        assertThat(mmu.read(0x1008, 8)).isEqualTo(machine.answer);
        mmu.write(0xffd, 8, 0x0807060504030201L);
        mmu.write(0x1ff0, 4, -1);
        assertThat(machine.device)
                .containsExactly(
                        "read fee00008 8",
                        "write fee00000 4 7060504",
                        "write fee00004 1 8",
                        "write fee00ff0 4 ffffffff");
    }

    @Test
    void writesToReadOnlyMemoryGoToTheDevice() {
        Mapping rom = Mapping.anonymous(0x1000);
        rom.segment().fill((byte) 7);
        machine.memory.add(0x200000, rom.segment(), true);
        assertThat(mmu.read(0x200000, 4)).isEqualTo(0x07070707);
        mmu.write(0x200000, 4, 1);
        assertThat(mmu.compareAndSet(0x200004, 4, 0x07070707, 2)).isTrue();
        assertThat(mmu.ram(0x200000, 8, true)).isNull();
        assertThat(mmu.read(0x200000, 8)).isEqualTo(0x0707070707070707L);
        assertThat(machine.device).containsExactly("write 200000 4 1", "write 200004 4 2");
    }

    @Test
    void compareAndSetOfEverySizeAndAlignment() {
        for (int size = 1; size <= 8; size *= 2) {
            for (int at = 0xff0; at < 0x1008; at++) {
                mmu.write(at, 8, 0x1111111111111111L);
                assertThat(mmu.compareAndSet(at, size, 0x11, -1)).isEqualTo(size == 1);
                mmu.write(at, 8, 0x1111111111111111L);
                long mask = size == 8 ? -1 : (1L << size * 8) - 1;
                assertThat(mmu.compareAndSet(at, size, 0x1111111111111111L & mask, -1))
                        .isTrue();
                assertThat(mmu.read(at, size)).isEqualTo(mask);
                if (size < 8) {
                    assertThat(mmu.read(at + size, 1)).isEqualTo(0x11);
                }
            }
        }
        mmu.write(0x100, 8, 1);
        mmu.write(0x108, 8, 2);
        assertThat(mmu.compareAndSet(0x100, 1L, 3L, 4L, 5L)).isFalse();
        assertThat(mmu.compareAndSet(0x100, 1L, 2L, 4L, 5L)).isTrue();
        assertThat(mmu.read(0x100, 8)).isEqualTo(4);
        assertThat(mmu.read(0x108, 8)).isEqualTo(5);
    }

    @Test
    void rangesFaultBeforeTheyCopy() {
        map(0x5007, 0x6007, 0);
        byte[] bytes = new byte[1024];
        java.util.Arrays.fill(bytes, (byte) 9);
        MemorySegment block = MemorySegment.ofArray(bytes);
        pageFault(() -> mmu.write(0x1e00, block), 0x2000, 2);
        assertThat(machine.physical(0x6e00)).isZero();
        mmu.write(0xe00, block);
        MemorySegment back = MemorySegment.ofArray(new byte[1024]);
        mmu.read(0xe00, back);
        assertThat(back.mismatch(block)).isEqualTo(-1);
        assertThat(machine.physical(0x6000)).isEqualTo(0x0909090909090909L);
    }

    @Test
    void codeIsFetchedWithItsOwnRights() {
        map(0x5007 | 1L << 63, 0x6005);
        assertThat(mmu.read(0x10, 4)).isZero();
        pageFault(() -> mmu.physicalOfCode(0x10), 0x10, 0x11);
        user();
        pageFault(() -> mmu.physicalOfCode(0x10), 0x10, 0x15);
        assertThat(mmu.physicalOfCode(0x1234)).isEqualTo(0x6234);
        machine.physical(0x6ff8, 0x0807060504030201L);
        byte[] code = new byte[15];
        assertThat(mmu.fetch(0x1ffd, code, 2, 13)).isEqualTo(3);
        assertThat(code).startsWith(0, 0, 6, 7, 8, 0);
    }

    @Test
    void theDirtyLogHasEveryPageOnce() {
        machine.slot.logDirty(true);
        mmu.write(0x5000, 4, 1);
        mmu.write(0x5004, 4, 1);
        mmu.read(0x6000, 4);
        assertThat(machine.slot.dirty()).startsWith(1L << 5, 0);
        assertThat(machine.slot.dirty()).startsWith(0, 0);
        mmu.write(0x5008, 4, 1);
        mmu.compareAndSet(0x7008, 4, 0, 1);
        mmu.compareAndSet(0x8ffe, 4, 0, 1);
        mmu.ram(0xa000, 10, true);
        machine.memory.written(0xbfff, 2);
        assertThat(machine.slot.dirty()).startsWith(0b1111110100000L, 0);
        machine.slot.logDirty(false);
        mmu.write(0x5000, 4, 1);
        assertThat(machine.slot.dirty()).startsWith(0, 0);
    }

    @Test
    void codeThatIsWrittenIsReportedOnceAndThenForgotten() {
        List<String> changes = new ArrayList<>();
        CodePages code = machine.memory.codePages();
        code.listen((page, offset, length) -> changes.add("%x %d %d".formatted(page, offset, length)));
        mmu.write(0x5000, 8, 1);
        assertThat(code.mark(0x5010, 100)).isTrue();
        mmu.write(0x5080, 8, 1);
        assertThat(changes).isEmpty();
        mmu.write(0x503e, 4, 1);
        assertThat(changes).containsExactly("5000 0 128");
        mmu.write(0x503e, 4, 2);
        machine.memory.written(0x5000, 4096);
        assertThat(changes).hasSize(1);
        code.mark(0x6000);
        code.mark(0x7fff, 1);
        machine.memory.written(0x5800, 0x3000);
        assertThat(changes).hasSize(3).endsWith("6000 0 4096", "7000 4032 64");
        code.mark(0x9000, 1);
        assertThat(mmu.ram(0x9000, 4, true)).isNotNull();
        code.mark(0x9000, 1);
        mmu.compareAndSet(0x9000, 4, 5, 6);
        assertThat(changes).hasSize(5);
        assertThat(code.mark(0x10_0000_0000L, 1)).isFalse();
    }

    @Test
    void aSlotThatIsRemovedIsNotReachedAnyMore() {
        Mapping more = Mapping.anonymous(0x2000);
        MemorySlot slot = machine.memory.add(0x400000, more.segment(), false);
        mmu.write(0x400ffe, 4, 0x12345678);
        List<Long> changes = new ArrayList<>();
        machine.memory.codePages().mark(0x401000);
        machine.memory.codePages().listen((page, offset, length) -> changes.add(page));
        slot.close();
        assertThat(changes).containsExactly(0x401000L);
        machine.answer = -1;
        assertThat(mmu.read(0x400ffe, 4)).isEqualTo(0xffffffffL);
        machine.memory.add(0x401000, more.segment().asSlice(0, 0x1000), false);
        assertThat(mmu.read(0x401ffe, 2)).isEqualTo(0x5678);
    }

    @Test
    void slotsHaveALimit() {
        Mapping page = Mapping.anonymous(0x1000);
        List<MemorySlot> slots = new ArrayList<>();
        for (int i = 1; i < PhysicalMemory.MAX_SLOTS; i++) {
            slots.add(machine.memory.add(0x400000 + i * 0x2000L, page.segment(), false));
        }
        assertThatThrownBy(() -> machine.memory.add(0x400000, page.segment(), false))
                .isInstanceOf(VmmException.class)
                .hasMessage("the software processor has 1024 memory slots, and all are in use");
        slots.getFirst().close();
        machine.memory.add(0x400000, page.segment(), false);
    }

    @Test
    void aPageThatWasReplacedInTheTlbIsWatchedLikeOthers() {
        TestMachine large = new TestMachine(64 << 20);
        List<Long> changes = new ArrayList<>();
        large.memory.codePages().listen((page, offset, length) -> changes.add(page));
        int apart = Tlb.ENTRIES * 4096;
        for (int i = 0; i < 3; i++) {
            large.mmu.write(0x5000 + i * apart, 8, i);
        }
        large.memory.codePages().mark(0x5000);
        large.memory.codePages().mark(0x5000 + apart);
        for (int i = 0; i < 3; i++) {
            assertThat(large.mmu.read(0x5000 + i * apart, 8)).isEqualTo(i);
            large.mmu.write(0x5000 + i * apart, 8, 7);
        }
        assertThat(changes).containsExactly(0x5000L, 0x5000L + apart);
    }

    @Test
    void compareAndSetAcrossPagesFaultsLikeAWriteAndReachesDevices() {
        map(0x5007, 0x3005, 0xfee00007L);
        pageFault(() -> mmu.compareAndSet(0xffe, 4, 1, 2), 0x1000, 3);
        map(0x5007, 0x3007, 0xfee00007L);
        assertThat(mmu.compareAndSet(0xffe, 4, 0, 0x04030201)).isTrue();
        assertThat(machine.physical(0x3000)).isEqualTo(0x0403);
        assertThat(mmu.compareAndSet(0x1ffe, 4, 0, 0x04030201)).isTrue();
        assertThat(mmu.compareAndSet(0x2004, 4, 5, 6)).isFalse();
        assertThat(machine.device)
                .containsExactly("read fee00000 2", "write fee00000 2 403", "read fee00004 4", "write fee00004 4 0");
    }
}
