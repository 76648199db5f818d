package jcrosvm.hypervisor.soft.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.function.Supplier;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.mmu.PagingModel.Access;
import jcrosvm.hypervisor.soft.mmu.PagingModel.Outcome;
import jcrosvm.hypervisor.soft.mmu.PagingModel.Update;
import org.junit.jupiter.api.Test;

/** The walker against {@link PagingModel}, with random tables, registers and addresses. */
final class PageWalkerTest {
    private static final int SIZE = 32 << 10;
    private static final int[] RESERVED_HERE_OR_THERE = {5, 6, 7, 8, 12, 13, 20, 21, 29, 39, 40, 51, 52, 62, 63};

    private final long seed = new Random().nextLong();
    private final Random random = new Random(seed);
    private final TestMachine machine = new TestMachine(SIZE);
    private final PageWalker walker = new PageWalker(machine.cpu, machine.memory);
    private final PagingModel model = new PagingModel(at -> at >= 0 && at < SIZE ? machine.physical(at) : -1);
    private final int[] outcomes = new int[64];
    private long leaves;
    private final MemorySegment before = MemorySegment.ofArray(new long[SIZE / 8]);

    private boolean chance(int of) {
        return random.nextInt(of) == 0;
    }

    private void registers() {
        var cpu = machine.cpu;
        model.pg = !chance(20);
        model.wp = random.nextBoolean();
        model.lma = model.pg && random.nextBoolean();
        model.pae = model.lma || random.nextBoolean();
        model.pse = random.nextBoolean();
        model.pge = random.nextBoolean();
        model.smep = random.nextBoolean();
        model.nxe = random.nextBoolean();
        model.cr3 = (long) random.nextInt(SIZE >> 12) << 12 | random.nextInt(0x1000);
        cpu.cr0 = Control.CR0_PE | (model.pg ? Control.CR0_PG : 0) | (model.wp ? Control.CR0_WP : 0);
        cpu.cr4 = (model.pae ? Control.CR4_PAE : 0)
                | (model.pse ? Control.CR4_PSE : 0)
                | (model.pge ? Control.CR4_PGE : 0)
                | (model.smep ? Control.CR4_SMEP : 0)
                | (random.nextBoolean() ? Control.CR4_SMAP : 0);
        cpu.efer = (model.nxe ? Control.EFER_NXE : 0) | (model.lma ? Control.EFER_LMA | Control.EFER_LME : 0);
        cpu.cr3 = model.cr3;
        cpu.modeChanged();
    }

    private long entry() {
        long entry = (long) random.nextInt(SIZE >> 12) << 12 | random.nextInt(0x1000) & ~0x180 | 7;
        if (chance(10)) {
            entry &= ~1;
        }
        if (chance(4)) {
            entry &= ~2;
        }
        if (chance(4)) {
            entry &= ~4;
        }
        if (chance(4)) {
            entry = entry & ~0x3fffe000L | 0x80 | random.nextLong() & 0xff_c000_0000L;
        }
        if (chance(6)) {
            entry |= 1L << 63;
        }
        if (chance(6)) {
            entry |= 1 << 8;
        }
        if (chance(6)) {
            entry |= 1L << RESERVED_HERE_OR_THERE[random.nextInt(RESERVED_HERE_OR_THERE.length)];
        }
        if (chance(50)) {
            entry = random.nextLong();
        }
        return entry;
    }

    private void tables() {
        for (int at = 0; at < SIZE; at += 8) {
            long entry = entry();
            if (!model.pae) {
                entry = entry & 0xffff_ffffL | entry() << 32;
            } else if (!model.lma && !chance(6)) {
                entry &= 0x8000_0fff_ffff_f199L; // so that some page-directory pointers have no reserved bit
                entry |= random.nextInt(4) << 1;
            }
            machine.physical(at, entry);
        }
        if (model.pae && !model.lma) {
            for (long at = model.cr3 & 0xffe0; at < (model.cr3 & 0xffe0) + 32; at += 8) {
                if (!chance(3)) {
                    machine.physical(at, machine.physical(at) & ~(0x8000_0000_0000_01e6L | 0xfffL << 40));
                }
            }
        }
    }

    private long address() {
        long linear = random.nextLong();
        if (!chance(20)) {
            linear = linear << 16 >> 16;
        }
        return chance(3) ? linear & 0xffff_ffffL : linear;
    }

    private String walk(long linear, int access) {
        try {
            return "ok " + Long.toHexString(walker.walk(linear, access));
        } catch (GuestException e) {
            return e.vector() == GuestException.GP ? "#GP " + e.errorCode() : "#PF " + e.errorCode();
        }
    }

    @Test
    void doesWhatTheManualsTablesSay() {
        for (int round = 0; round < 250; round++) {
            registers();
            tables();
            for (int i = 0; i < 500; i++) {
                one(address());
            }
        }
        for (int code : new int[] {0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 15, 16, 17, 20, 21, 25, 29}) {
            assertThat(outcomes[code])
                    .as("faults with error code %d, seed %d", code, seed)
                    .isPositive();
        }
        assertThat(leaves).isGreaterThan(10_000);
    }

    private void one(long linear) {
        Access access = Access.values()[random.nextInt(3)];
        boolean user = random.nextBoolean();
        boolean smap = !user && random.nextBoolean();
        boolean peek = chance(4);
        int who = (user ? PageWalker.USER : 0) | (smap ? PageWalker.SMAP : 0);
        int kind = who
                | switch (access) {
                    case READ -> 0;
                    case WRITE -> PageWalker.WRITE;
                    case FETCH -> PageWalker.FETCH;
                };
        Outcome expected = model.access(linear, access, user, smap);
        boolean[] can = new boolean[3];
        for (Access a : Access.values()) {
            can[a.ordinal()] = model.access(linear, a, user, smap).error() == -1;
        }
        Supplier<String> what = () -> "seed %d, linear %x, %s, user %b, smap %b, pae %b, long %b, nxe %b"
                .formatted(seed, linear, access, user, smap, model.pae, model.lma, model.nxe);
        before.copyFrom(machine.ram.segment());
        machine.cpu.cr2 = 1;
        String answer = walk(linear, kind | (peek ? PageWalker.PEEK : 0));
        if (expected.error() == -1) {
            assertThat(answer).as(what).isEqualTo("ok " + Long.toHexString(expected.physical()));
            int rights = (can[0] ? PageWalker.CAN_READ : 0)
                    | (can[1] ? PageWalker.CAN_WRITE : 0)
                    | (can[2] ? PageWalker.CAN_EXECUTE : 0);
            assertThat(walker.rights()).as(what).isEqualTo(rights);
            int size = expected.pageBits() == 30 ? Tlb.HUGE : expected.pageBits() > 12 ? Tlb.LARGE : 0;
            assertThat(walker.kind()).as(what).isEqualTo(size | (expected.global() ? Tlb.GLOBAL : 0));
            if (!peek && model.pg) {
                for (Update u : expected.updates()) {
                    if (u.width() == 8) {
                        before.set(ValueLayout.JAVA_LONG, u.address(), u.value());
                    } else {
                        before.set(ValueLayout.JAVA_INT, u.address(), (int) u.value());
                    }
                }
                assertThat(walker.dirty()).as(what).isEqualTo(expected.dirty());
            }
            leaves++;
        } else if (expected.error() == -2) {
            assertThat(answer).as(what).isEqualTo("#GP 0");
        } else {
            outcomes[expected.error()]++;
            assertThat(answer).as(what).isEqualTo("#PF " + expected.error());
            assertThat(machine.cpu.cr2).as(what).isEqualTo(model.lma ? linear : linear & 0xffff_ffffL);
        }
        assertThat(before.mismatch(machine.ram.segment())).as(what).isEqualTo(-1);
    }

    @Test
    void flagsOfAnEntryThatChangesMeanwhileAreNotLost() throws InterruptedException {
        // One level of a large page: another thread keeps changing an ignored bit with compare-and-set.
        machine.physical(0x1000, 0x0000_0083_0000_0083L);
        machine.cpu.cr0 = Control.CR0_PE | Control.CR0_PG;
        machine.cpu.cr4 = Control.CR4_PSE;
        machine.cpu.cr3 = 0x1000;
        Slot slot = machine.memory.find(0x1000);
        int rounds = 20_000;
        Thread other = Thread.ofPlatform().start(() -> {
            for (int i = 0; i < rounds; i++) {
                long old;
                do {
                    old = slot.load(0x1000, 4);
                } while (!slot.compareAndSet(0x1000, 4, old, old ^ 1 << 9));
            }
        });
        int lost = 0;
        for (int i = 0; i < rounds; i++) {
            walker.walk(0, PageWalker.WRITE);
            long now = slot.load(0x1000, 4);
            lost += (now & 0x60) == 0x60 ? 0 : 1;
            long old;
            do {
                old = slot.load(0x1000, 4);
            } while (!slot.compareAndSet(0x1000, 4, old, old & ~0x60));
        }
        other.join();
        assertThat(lost).isZero();
        assertThat(slot.load(0x1000, 4) & ~0x60L).isEqualTo(0x83);
    }
}
