package jcrosvm.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Mapping;
import jcrosvm.base.io.SharedMemory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Regions that come and go, on one thread; {@link RegionRaceTest} has several. */
class RegionsTest {
    private static final long PAGE = Mapping.PAGE;

    private long seen; // what is read and not used need not be read

    private static MemoryRegion region(long address, long size, SharedMemory file, long offset) {
        return new MemoryRegion(address, size, file.fd().duplicate(), offset);
    }

    /** Files are arrays; a page of the guest is a page of a file, or nothing. */
    @Test
    void behaveLikeATableOfPages() {
        long seed = 20;
        SplittableRandom random = new SplittableRandom(seed);
        int filePages = 8;
        int guestPages = 24;
        SharedMemory[] files = {SharedMemory.create("a", filePages * PAGE), SharedMemory.create("b", filePages * PAGE)};
        byte[][] contents = {new byte[(int) (filePages * PAGE)], new byte[(int) (filePages * PAGE)]};
        MemoryRegion[] at = new MemoryRegion[guestPages];
        int[] file = new int[guestPages];
        try (GuestMemory memory = GuestMemory.of(List.of())) {
            for (int i = 0; i < 20_000; i++) {
                int page = random.nextInt(guestPages);
                int what = random.nextInt(20);
                if (what == 0) {
                    int pages = random.nextInt(1, 5);
                    int chosen = random.nextInt(2);
                    int offset = random.nextInt(filePages);
                    MemoryRegion added = region(page * PAGE, pages * PAGE, files[chosen], offset * PAGE);
                    int end = Math.min(guestPages, page + pages);
                    boolean free = page + pages <= guestPages
                            && Arrays.stream(at, page, end).allMatch(one -> one == null);
                    if (!free || offset + pages > filePages) {
                        if (page + pages <= guestPages) {
                            assertThatThrownBy(() -> memory.add(added)).isInstanceOf(VmmException.class);
                        }
                        added.fd().close();
                    } else {
                        memory.add(added);
                        Arrays.fill(at, page, end, added);
                        Arrays.fill(file, page, end, chosen);
                    }
                } else if (what == 1 && at[page] != null) {
                    MemoryRegion gone = at[page];
                    memory.remove(gone);
                    assertThat(gone.fd().isOpen()).isFalse();
                    Arrays.setAll(at, n -> gone.equals(at[n]) ? null : at[n]);
                } else {
                    access(memory, random, page, at, file, contents);
                }
                if (i % 100 == 0) {
                    List<MemoryRegion> expected = Arrays.stream(at)
                            .filter(one -> one != null)
                            .distinct()
                            .toList();
                    assertThat(memory.regions()).as("seed %d, step %d", seed, i).isEqualTo(expected);
                    assertThat(memory.size())
                            .isEqualTo(expected.stream()
                                    .mapToLong(MemoryRegion::size)
                                    .sum());
                }
            }
        }
        for (int n = 0; n < 2; n++) {
            assertThat(Mapping.shared(files[n].fd(), 0, filePages * PAGE)
                            .segment()
                            .toArray(ValueLayout.JAVA_BYTE))
                    .isEqualTo(contents[n]);
            files[n].close();
        }
    }

    private static void access(
            GuestMemory memory, SplittableRandom random, int page, MemoryRegion[] at, int[] file, byte[][] contents) {
        long address = page * PAGE + (random.nextBoolean() ? random.nextLong(PAGE) : PAGE - random.nextLong(8));
        int length = random.nextInt(1, 9);
        int last = (int) ((address + length - 1) / PAGE);
        MemoryRegion in = address / PAGE < at.length ? at[(int) (address / PAGE)] : null;
        boolean within = in != null && last < at.length && in.equals(at[last]);
        assertThat(memory.contains(address, length)).isEqualTo(within);
        if (!within) {
            assertThatThrownBy(() -> memory.read(address, length)).isInstanceOf(GuestMemoryException.class);
            assertThatThrownBy(() -> memory.write(address, new byte[length])).isInstanceOf(GuestMemoryException.class);
            return;
        }
        byte[] content = contents[file[(int) (address / PAGE)]];
        int offset = (int) (in.offset() + address - in.address());
        assertThat(memory.read(address, length)).isEqualTo(Arrays.copyOfRange(content, offset, offset + length));
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        memory.write(address, bytes);
        System.arraycopy(bytes, 0, content, offset, length);
    }

    @Test
    void everyFieldIsCheckedAndNamed() {
        try (SharedMemory file = SharedMemory.create("x", 4 * PAGE);
                GuestMemory memory = GuestMemory.of(List.of(region(0x10000, 0x2000, file, 0)))) {
            refused(memory, region(0x20001, 0x1000, file, 0), "guest memory 0x20001+0x1000", "whole pages");
            refused(memory, region(0x20000, 0x1001, file, 0), "whole pages");
            refused(memory, region(0x20000, 0x1000, file, 0x10), "offset 0x10", "whole pages");
            refused(memory, region(0x20000, 0, file, 0), "not a range");
            refused(memory, region(0x20000, -0x1000, file, 0), "not a range");
            refused(memory, region(-0x1000, 0x1000, file, 0), "not a range");
            refused(memory, region(Long.MAX_VALUE & -0x1000, 0x1000, file, 0), "not a range");
            refused(memory, region(0x20000, 0x1000, file, 0x4000), "offset 0x4000", "within its file of 0x4000 bytes");
            refused(memory, region(0x20000, 0x5000, file, 0), "within its file");
            refused(memory, region(0x20000, 0x1000, file, -0x1000), "within its file");
            refused(memory, region(0x20000, 0x1000, file, Long.MAX_VALUE & -0x1000), "within its file");
            refused(memory, region(0x11000, 0x2000, file, 0), "0x11000+0x2000", "overlaps guest memory 0x10000+0x2000");
            refused(memory, region(0xf000, 0x4000, file, 0), "overlaps");
            memory.add(region(0x12000, 0x1000, file, 0x3000));
            memory.add(region(0xf000, 0x1000, file, 0));
            assertThat(memory.regions()).hasSize(3);
            assertThat(memory.contains(0x11fff, 2)).isFalse();
        }
    }

    private static void refused(GuestMemory memory, MemoryRegion region, String... said) {
        assertThatThrownBy(() -> memory.add(region))
                .isInstanceOf(VmmException.class)
                .hasMessageContainingAll(said);
        region.fd().close();
    }

    @Test
    void descriptorsThatCannotBeMemoryAreRefused(@TempDir Path dir) throws Exception {
        Path path = Files.write(dir.resolve("ram"), new byte[8192]);
        try (GuestMemory memory = GuestMemory.of(List.of());
                EventFd event = new EventFd();
                Fd folder = Fd.open(dir, Fd.O_RDONLY);
                Fd readOnly = Fd.open(path, Fd.O_RDONLY)) {
            for (Fd fd : List.of(event.fd(), folder)) {
                assertThatThrownBy(() -> memory.add(new MemoryRegion(0, PAGE, fd, 0)))
                        .isInstanceOf(VmmException.class)
                        .hasMessageContaining("not in a memfd or regular file");
            }
            assertThatThrownBy(() -> memory.add(new MemoryRegion(0, PAGE, readOnly, 0)))
                    .isInstanceOf(OsException.class)
                    .hasMessageContaining("cannot map guest memory 0x0+0x1000")
                    .hasMessageContaining("EACCES");
            assertThat(readOnly.isOpen()).isTrue();
        }
    }

    @Test
    void ofOwnsTheDescriptorsAlsoWhenItFails() {
        try (SharedMemory file = SharedMemory.create("x", 2 * PAGE)) {
            List<MemoryRegion> good = List.of(region(PAGE, PAGE, file, PAGE), region(0, PAGE, file, 0));
            GuestMemory memory = GuestMemory.of(good);
            assertThat(memory.regions()).containsExactly(good.get(1), good.get(0));
            memory.close();
            assertThat(good).noneMatch(one -> one.fd().isOpen());
            List<MemoryRegion> bad = List.of(region(0, PAGE, file, 0), region(0, PAGE, file, 0));
            assertThatThrownBy(() -> GuestMemory.of(bad)).hasMessageContaining("overlaps");
            assertThat(bad).noneMatch(one -> one.fd().isOpen());
        }
    }

    @Test
    void moreThanTheMostAreRefused() {
        try (SharedMemory file = SharedMemory.create("x", PAGE);
                GuestMemory memory = GuestMemory.of(List.of())) {
            for (int i = 0; i < GuestMemory.MAX_REGIONS; i++) {
                memory.add(region(2 * i * PAGE, PAGE, file, 0));
            }
            for (int i = 0; i < GuestMemory.MAX_REGIONS; i++) {
                assertThat(memory.contains(2 * i * PAGE, PAGE)).isTrue();
                assertThat(memory.contains((2 * i + 1) * PAGE, 1)).isFalse();
            }
            refused(memory, region(1L << 40, PAGE, file, 0), "one more than the 509 regions");
            memory.remove(memory.regions().getFirst());
            memory.add(region(1L << 40, PAGE, file, 0));
        }
    }

    @Test
    void aRemovedRegionIsOutOfReach() {
        try (SharedMemory file = SharedMemory.create("x", PAGE);
                GuestMemory memory = GuestMemory.of(List.of(region(0, PAGE, file, 0)))) {
            MemorySegment late = memory.slice(0, 16);
            memory.putLong(0, 1);
            MemoryRegion gone = memory.regions().getFirst();
            memory.remove(gone);
            assertThatThrownBy(() -> memory.getLong(0))
                    .isInstanceOf(GuestMemoryException.class)
                    .hasMessage("guest range 0x0+0x8 is outside guest memory");
            assertThatThrownBy(() -> memory.putLong(0, 2)).isInstanceOf(GuestMemoryException.class);
            assertThatThrownBy(() -> memory.slice(0, 1)).isInstanceOf(GuestMemoryException.class);
            assertThat(late.get(ValueLayout.JAVA_LONG, 0)).isZero();
            late.set(ValueLayout.JAVA_LONG, 0, 3);
            assertThat(Mapping.shared(file.fd(), 0, PAGE).segment().get(ValueLayout.JAVA_LONG, 0))
                    .isEqualTo(1);
            assertThatThrownBy(() -> memory.remove(gone)).isInstanceOf(IllegalArgumentException.class);
            memory.add(region(0, PAGE, file, 0));
            assertThat(memory.getLong(0)).isEqualTo(1);
            memory.close();
            assertThatThrownBy(() -> memory.add(region(PAGE, PAGE, file, 0))).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void discardedPagesReadAsZeroAtTheirPlaceInTheFile() {
        try (SharedMemory file = SharedMemory.create("x", 4 * PAGE);
                GuestMemory memory = GuestMemory.of(List.of(region(8 * PAGE, 3 * PAGE, file, PAGE)))) {
            memory.fill(8 * PAGE, 3 * PAGE, (byte) 7);
            MemoryRegion region = memory.regions().getFirst();
            region.discard(9 * PAGE, PAGE);
            MemorySegment all = Mapping.shared(file.fd(), 0, 4 * PAGE).segment();
            byte[] firsts = new byte[4];
            for (int i = 0; i < 4; i++) {
                firsts[i] = all.get(ValueLayout.JAVA_BYTE, i * PAGE);
            }
            assertThat(firsts).containsExactly(0, 7, 0, 7);
            assertThatThrownBy(() -> region.discard(11 * PAGE, PAGE)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> region.discard(7 * PAGE, PAGE)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    /** What {@link MemoryRegion} says of files without seals: the process goes on. */
    @Test
    void aFileThatShrinksIsAnErrorOfTheAccess(@TempDir Path dir) throws Exception {
        Path path = Files.write(dir.resolve("ram"), new byte[8192]);
        try (Fd owners = Fd.open(path, Fd.O_RDWR);
                GuestMemory memory = GuestMemory.of(List.of(new MemoryRegion(0, 8192, owners.duplicate(), 0)))) {
            memory.putLong(PAGE, 5);
            owners.truncate(PAGE);
            for (int i = 0; i < 20_000; i++) { // also where the access is compiled
                assertThatThrownBy(() -> {
                            seen = memory.getLong(PAGE);
                            Thread.yield(); // it may come out a little later
                        })
                        .isInstanceOf(InternalError.class);
            }
            assertThatThrownBy(() -> memory.readFrom(owners, 0, PAGE, 8)).isInstanceOf(OsException.class);
            assertThat(memory.getLong(0)).isZero();
            owners.truncate(8192);
            assertThat(memory.getLong(PAGE)).isZero();
        }
    }

    @Test
    void listenersSeeEachWriteOnce() {
        try (GuestMemory memory = GuestMemory.ofSize(PAGE)) {
            List<String> first = new ArrayList<>();
            List<String> second = new ArrayList<>();
            WriteListener one = (address, length) -> first.add(address + "+" + length);
            WriteListener two = (address, length) -> second.add(address + "+" + length);
            memory.addWriteListener(one);
            memory.putInt(0, 1);
            memory.addWriteListener(two);
            assertThatThrownBy(() -> memory.addWriteListener(one)).isInstanceOf(IllegalArgumentException.class);
            memory.write(8, new byte[3]);
            memory.written(16, 5);
            memory.removeWriteListener(one);
            memory.removeWriteListener(one);
            memory.storeReleaseLong(24, 1);
            assertThat(first).containsExactly("0+4", "8+3", "16+5");
            assertThat(second).containsExactly("8+3", "16+5", "24+8");
        }
    }
}
