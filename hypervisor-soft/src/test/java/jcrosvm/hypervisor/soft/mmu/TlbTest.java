package jcrosvm.hypervisor.soft.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.mmu.PagingModel.Access;
import jcrosvm.hypervisor.soft.mmu.PagingModel.Outcome;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random changes of page tables, invalidations and accesses. What an access finds must be what the tables say, or what
 * they said since the last invalidation that takes such a translation away (SDM volume 3, 4.10.4.1).
 */
final class TlbTest {
    private static final int SIZE = 8 << 20;
    private static final int FIRST_DATA_PAGE = 32;
    private static final int DATA_PAGES = 200;

    private final long seed = new Random().nextLong();
    private final Random random = new Random(seed);
    private final TestMachine machine = new TestMachine(SIZE);
    private final PagingModel model = new PagingModel(at -> at >= 0 && at < SIZE ? machine.physical(at) : -1);
    /** Of the pages that are looked at. */
    private final List<Long> addresses = new ArrayList<>();

    private final List<Known> known = new ArrayList<>();
    /** Entries that may change: where, and how much they map. */
    private final List<long[]> entries = new ArrayList<>();
    /** What a listener that caches where code is would know. */
    private final Map<Long, Long> code = new HashMap<>();

    private final Map<Long, Boolean> globalCode = new HashMap<>();
    private int width;
    private int stale;
    private int successes;

    /** A translation that a processor may still have. */
    private record Known(long page, Access access, boolean user, long frame, int bits, boolean global) {}

    private void longMode() {
        width = 8;
        model.lma = true;
        model.pae = true;
        model.nxe = true;
        machine.physical(0x1000, 0x2007);
        entries.add(new long[] {0x2000, 30});
        entries.add(new long[] {0x2008, 30});
        for (int g = 0; g < 2; g++) {
            for (int m = 0; m < 3; m++) {
                entries.add(new long[] {0x3000 + 0x1000 * g + 8 * m, 21});
                for (int p = 0; p < 3; p++) {
                    entries.add(new long[] {(5 + g * 3 + m) * 0x1000 + 8 * p, 12});
                    addresses.add(((long) g << 30) + ((long) m << 21) + ((long) p << 12));
                }
            }
        }
    }

    private void legacyMode() {
        width = 4;
        model.pse = true;
        for (int m = 0; m < 4; m++) {
            entries.add(new long[] {0x1000 + 16 * m, 22}); // all in the same entries of the TLB
            for (int p = 0; p < 3; p++) {
                entries.add(new long[] {(5 + m) * 0x1000 + 4 * p, 12});
                addresses.add(((long) m << 24) + ((long) p << 12));
            }
            addresses.add(((long) m << 24) + 0x201000); // the other half of a page of 4 MiB
        }
    }

    private void registers() {
        model.pg = true;
        model.wp = true;
        model.pge = true;
        model.cr3 = 0x1000;
        machine.cpu.cr0 = Control.CR0_PE | Control.CR0_PG | Control.CR0_WP;
        machine.cpu.cr3 = 0x1000;
        machine.cpu.cr4 = Control.CR4_PGE | (model.pae ? Control.CR4_PAE : 0) | (model.pse ? Control.CR4_PSE : 0);
        machine.cpu.efer = model.lma ? Control.EFER_LMA | Control.EFER_LME | Control.EFER_NXE : 0;
        machine.cpu.modeChanged();
        for (int page = 0; page < SIZE >> 12; page++) {
            machine.physical(((long) page << 12) + 0xff8, page); // no table's last entry is used
        }
        machine.mmu.flush(true);
        machine.mmu.listen(new Tlb.Listener() {
            @Override
            public void flushed(boolean globalToo) {
                code.keySet().removeIf(page -> globalToo || !globalCode.getOrDefault(page, false));
            }

            @Override
            public void flushed(long linear, long length) {
                code.keySet().removeIf(page -> page >= linear && page < linear + length);
            }
        });
    }

    private void changeEntry() {
        long[] which = entries.get(random.nextInt(entries.size()));
        long at = which[0];
        int bits = (int) which[1];
        long flags = (random.nextInt(8) == 0 ? 0 : 1)
                | (random.nextInt(4) == 0 ? 0 : 2)
                | (random.nextInt(4) == 0 ? 0 : 4)
                | (random.nextBoolean() ? 0x60 : 0);
        long leaf = flags | (random.nextBoolean() ? 0x100 : 0);
        if (width == 8 && random.nextInt(4) == 0) {
            leaf |= 1L << 63;
        }
        long entry;
        if (bits == 12) {
            entry = leaf | (long) (FIRST_DATA_PAGE + random.nextInt(DATA_PAGES)) << 12;
        } else if (random.nextInt(3) == 0) {
            entry = leaf | 0x80 | (bits == 30 ? 0 : (long) random.nextInt(SIZE >> bits) << bits);
        } else if (bits == 30) {
            entry = flags & ~0x40 | 0x3000 + (at & 8) * 0x200;
        } else if (width == 8) {
            entry = flags & ~0x40 | 0x5000 + ((at >> 12) - 3) * 0x3000 + (at & 0xff8) / 8 * 0x1000;
        } else {
            entry = flags & ~0x40 | 0x5000 + (at & 0xffc) / 16 * 0x1000;
        }
        long quad = machine.physical(at & ~7);
        if (width == 8) {
            quad = entry;
        } else {
            quad = (at & 4) == 0 ? quad & -1L << 32 | entry : quad & 0xffff_ffffL | entry << 32;
        }
        remember();
        machine.physical(at & ~7, quad);
    }

    private void remember() {
        for (long page : addresses) {
            for (Access access : Access.values()) {
                for (boolean user : new boolean[] {false, true}) {
                    Outcome o = model.access(page, access, user, false);
                    if (o.error() == -1) {
                        Known k = new Known(page, access, user, o.physical() >>> 12, o.pageBits(), o.global());
                        if (!known.contains(k)) {
                            known.add(k);
                        }
                    }
                }
            }
        }
    }

    private void invalidatePage(long page) {
        known.removeIf(k -> k.page >>> k.bits == page >>> k.bits);
        machine.mmu.flushPage(page + random.nextInt(4096));
    }

    private void access(int step) {
        long page = addresses.get(random.nextInt(addresses.size()));
        Access access = Access.values()[random.nextInt(3)];
        boolean user = random.nextBoolean();
        machine.cpu.cpl = user ? 3 : 0;
        machine.mmu.rightsChanged();
        machine.answer = -1;
        long found;
        try {
            found = switch (access) {
                case READ -> machine.mmu.read(page + 0xff8, 8);
                case WRITE -> {
                    // The value of a page is its number, so that the write changes nothing: but where did it go?
                    long was = machine.mmu.ram(page + 0xff8, 8, true).get(ValueLayout.JAVA_LONG, 0);
                    machine.mmu.write(page + 0xff8, 8, was);
                    yield was;
                }
                case FETCH -> {
                    Long cached = code.get(page);
                    if (cached != null && !user && random.nextBoolean()) {
                        yield cached;
                    }
                    long physical = machine.mmu.physicalOfCode(page) >>> 12;
                    if (!user) {
                        globalCode.put(page, machine.mmu.isGlobalCode(page));
                        code.put(page, physical);
                    }
                    yield physical;
                }
            };
        } catch (GuestException e) {
            found = -2 - e.errorCode();
        }
        Outcome now = model.access(page, access, user, false);
        long expected = now.error() == -1 ? now.physical() >>> 12 : -2 - now.error();
        if (found == expected) {
            successes += found >= 0 ? 1 : 0;
            return;
        }
        long frame = found;
        boolean allowed = known.stream()
                .anyMatch(k -> k.page == page && k.access == access && k.user == user && k.frame == frame);
        assertThat(allowed)
                .as("seed %d, step %d: %s of %x by %s finds %d, the tables say %d"
                        .formatted(seed, step, access, page, user ? "user" : "supervisor", found, expected))
                .isTrue();
        stale++;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void neverUsesATranslationThatIsGone(boolean inLongMode) {
        if (inLongMode) {
            longMode();
        } else {
            legacyMode();
        }
        registers();
        for (int i = 0; i < 200; i++) {
            changeEntry();
        }
        known.clear(); // nothing was used yet
        for (int step = 0; step < 10_000; step++) {
            int what = random.nextInt(100);
            if (what < 10) {
                changeEntry();
            } else if (what < 14) {
                invalidatePage(addresses.get(random.nextInt(addresses.size())));
            } else if (what < 17) {
                known.removeIf(k -> !k.global);
                machine.mmu.flush(false);
            } else if (what < 18) {
                known.clear();
                machine.mmu.flush(true);
            } else {
                access(step);
            }
        }
        // Otherwise the test has not tested anything.
        assertThat(successes).as("seed %d", seed).isGreaterThan(2000);
        assertThat(stale)
                .as("accesses that used an older translation, seed %d", seed)
                .isGreaterThan(30);
    }
}
