package jcrosvm.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.SharedMemory;
import jcrosvm.disk.qcow2.Qcow2Images;
import jcrosvm.disk.qcow2.Qcow2Options;
import jcrosvm.disk.raw.ImageFile;
import jcrosvm.unpack.testing.Tool;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Which other files an image may name whose format was not given. */
class NamedFilesTest {
    private static final DiskOptions READ_ONLY = DiskOptions.READ_ONLY;
    private static final DiskOptions GIVEN = READ_ONLY.withFormat(DiskFormat.QCOW2);
    private static final DiskOptions ANY = READ_ONLY.withBacking(Backing.ANY);

    @TempDir
    Path dir;

    private Path own;
    private Path secret;

    @BeforeEach
    void folders() throws IOException {
        own = Files.createDirectories(dir.resolve("vm"));
        secret = Files.write(Files.createDirectories(dir.resolve("etc")).resolve("shadow"), new byte[4096]);
    }

    private Path overlay(String name, Object backing, String format) {
        Path path = own.resolve(name);
        overlay(path, backing, format);
        return path;
    }

    private static void overlay(Path path, Object backing, String format) {
        try (ImageFile file = ImageFile.create(path)) {
            Qcow2Images.create(file, Qcow2Options.ofSize(4096).withBacking(backing.toString(), format));
        }
    }

    private static void opens(Path path, DiskOptions options) {
        try (DiskFile disk = DiskImages.open(path, options)) {
            assertThat(disk.length()).isEqualTo(4096);
        }
        assertThat(ImageSummary.of(path, options).problem()).isEmpty();
    }

    private static void refused(Path path, DiskOptions options, String... messages) {
        assertThatThrownBy(() -> DiskImages.open(path, options))
                .isInstanceOf(DiskException.class)
                .hasMessageContainingAll(messages)
                .hasMessageContainingAll("format=qcow2", "backing=any");
        ImageSummary summary = ImageSummary.of(path, options);
        ImageSummary last = summary;
        while (!last.below().isEmpty()) {
            last = last.below().getFirst();
        }
        assertThat(last.problem()).hasValueSatisfying(text -> assertThat(text).contains(messages));
    }

    /** What a guest can write to its raw disk, which then is started without a format. */
    @Test
    void theAttack() {
        Path disk = own.resolve("disk.raw");
        Tool.run(
                own,
                "qemu-img",
                "create",
                "-q",
                "-f",
                "qcow2",
                "-u",
                "-b",
                secret.toString(),
                "-F",
                "raw",
                "disk.raw",
                "4K");
        refused(disk, READ_ONLY, disk.toString(), "its own folder " + own, secret.toString());
        opens(disk, GIVEN);
        opens(disk, ANY);
        try (DiskFile raw = DiskImages.open(disk, DiskOptions.DEFAULT.withFormat(DiskFormat.RAW))) {
            assertThat(raw.length()).isGreaterThanOrEqualTo(disk.toFile().length());
        }
    }

    @Test
    void aGuessedImageNamesFilesInItsFolderOnly() throws IOException {
        Files.write(own.resolve("base"), new byte[4096]);
        Files.write(Files.createDirectory(own.resolve("sub")).resolve("base"), new byte[4096]);
        opens(overlay("a", "base", "raw"), READ_ONLY);
        opens(overlay("a", "sub/../sub/base", "raw"), READ_ONLY);
        opens(overlay("a", own.resolve("base"), "raw"), READ_ONLY);
        refused(overlay("a", "../etc/shadow", "raw"), READ_ONLY, "/vm/../etc/shadow");
        refused(overlay("a", "file:" + secret, "raw"), READ_ONLY, secret.toString());
        // A name that begins like the folder's is another folder.
        Path like = Files.createDirectory(dir.resolve("vm2"));
        Files.write(like.resolve("base"), new byte[4096]);
        refused(overlay("a", like.resolve("base"), "raw"), READ_ONLY, own.toString());
        refused(overlay("a", "../vm2/base", "raw"), READ_ONLY, own.toString());
    }

    @Test
    void linksAreResolved() throws IOException {
        Files.createSymbolicLink(own.resolve("link"), secret);
        refused(overlay("a", "link", "raw"), READ_ONLY, own.toString());
        Files.createSymbolicLink(own.resolve("etc"), secret.getParent());
        refused(overlay("a", "etc/shadow", "raw"), READ_ONLY, own.toString());
        Files.write(own.resolve("base"), new byte[4096]);
        Files.createSymbolicLink(own.resolve("inner"), Path.of("base"));
        opens(overlay("a", "inner", "raw"), READ_ONLY);
        // The folder is that of the file, not of the link that leads to it.
        Path image = overlay("a", own.resolve("base"), "raw");
        Path link = Files.createSymbolicLink(dir.resolve("elsewhere"), image);
        opens(link, READ_ONLY);
        overlay(image, secret, "raw");
        refused(link, READ_ONLY, own.toString());
        // And a path is as good with "..", or seen from the working directory.
        Path here = Path.of("").toAbsolutePath();
        refused(here.relativize(image), READ_ONLY, own.toString());
        overlay(image, "base", "raw");
        opens(here.relativize(image), READ_ONLY);
    }

    @Test
    void theRuleHoldsDownTheChain() throws IOException {
        Path store = Files.createDirectory(dir.resolve("store"));
        Path base = Files.write(store.resolve("base"), new byte[4096]);
        Path middle = store.resolve("middle");
        overlay(middle, base, "raw");
        Path top = overlay("top", middle, "qcow2");
        refused(top, READ_ONLY, middle.toString());
        opens(top, GIVEN);
        // Its format is given by an image whose own is given: it may name what it likes.
        overlay(middle, secret, "raw");
        opens(top, GIVEN);
        // What a guessed image says of another one is no better than guessed.
        Path near = own.resolve("near");
        overlay(near, secret, "raw");
        overlay(top, near, "qcow2");
        refused(top, READ_ONLY, secret.toString(), near + " names");
        opens(top, GIVEN);
        opens(top, ANY);
    }

    @Test
    @Timeout(value = 60, unit = TimeUnit.SECONDS)
    void whatIsNoImageIsNotOpened() throws Exception {
        Path fifo = own.resolve("fifo");
        Tool.run(own, "mkfifo", "fifo");
        for (Object name : new Object[] {"/dev/zero", "/dev/tty", fifo, dir}) {
            Path image = overlay("a", name, "raw");
            for (DiskOptions options : new DiskOptions[] {READ_ONLY, GIVEN, ANY}) {
                assertThatThrownBy(() -> DiskImages.open(image, options))
                        .isInstanceOf(jcrosvm.base.VmmException.class)
                        .hasMessageContaining("cannot open " + name);
            }
        }
    }

    @Test
    void descriptorsAreJudgedByTheirFiles() throws IOException {
        Path inside = Files.write(own.resolve("base"), new byte[4096]);
        try (Fd other = Fd.open(secret, Fd.O_RDONLY);
                Fd base = Fd.open(inside, Fd.O_RDONLY)) {
            refused(overlay("a", other.link(), "raw"), READ_ONLY, own.toString());
            opens(overlay("a", other.link(), "raw"), GIVEN);
            opens(overlay("a", base.link(), "raw"), READ_ONLY);
        }
        Path image = overlay("a", secret, "raw");
        try (Fd given = Fd.open(image, Fd.O_RDONLY)) {
            refused(given.link(), READ_ONLY, own.toString());
            overlay("a", own.resolve("base"), "raw");
            opens(given.link(), READ_ONLY);
        }
    }

    @Test
    void anImageWithoutAFolderNamesNothing() throws IOException {
        Path image = overlay("a", own.resolve("base"), "raw");
        Files.write(own.resolve("base"), new byte[4096]);
        try (Fd given = Fd.open(image, Fd.O_RDONLY)) {
            Files.delete(image);
            refused(given.link(), READ_ONLY, "it may name no file");
            opens(given.link(), GIVEN);
        }
        // The kernel names it "/memfd:x (deleted)", which would be at the root, over all files.
        try (SharedMemory memory = SharedMemory.create("x", 1 << 20)) {
            overlay(image, secret, "raw");
            java.lang.foreign.MemorySegment bytes = java.lang.foreign.MemorySegment.ofArray(Files.readAllBytes(image));
            try (java.lang.foreign.Arena arena = java.lang.foreign.Arena.ofConfined()) {
                memory.fd().pwrite(arena.allocate(bytes.byteSize()).copyFrom(bytes), 0);
            }
            refused(memory.fd().link(), READ_ONLY, "it may name no file");
        }
    }
}
