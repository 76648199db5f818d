package jcrosvm.guest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.Stream;
import jcrosvm.base.VmmException;
import jcrosvm.guest.ext4.Ext4Image;

/**
 * A small Debian on a disk, with systemd, network and ssh, made from packages without privileges and kept in the cache.
 *
 * <p>The packages are unpacked to an ext4 image, then a machine boots from it for once and lets dpkg set them up. What
 * comes out never changes: each {@link #open} is on a copy.
 */
public final class DebianDisk {
    /** Megabytes of memory that its machines need to be at ease. */
    public static final int MEMORY_MIB = 1024;

    private static final String ARCHITECTURE = "amd64";
    /** To be raised when what is written to the disk changes in a way that the recipe's text does not show. */
    private static final int VERSION = 1;

    private static final String PREFIX = "debian-";

    private final Guests guests;
    private final DiskRecipe recipe;
    private final SetupMachine machine;
    private final Consumer<String> progress;
    private final Path directory;

    /**
     * The disk of a cache; nothing is made yet.
     *
     * @param recipe what is on it
     * @param machine sets a new disk up
     * @param progress gets a line before something takes long
     */
    public DebianDisk(Guests guests, DiskRecipe recipe, SetupMachine machine, Consumer<String> progress) {
        this.guests = guests;
        this.recipe = recipe;
        this.machine = machine;
        this.progress = progress;
        this.directory = guests.directory().resolve("disks");
    }

    /**
     * Returns a copy of the disk and all that it takes to boot it. The disk is made if it is not there, which takes
     * minutes.
     *
     * @throws VmmException if packages cannot be fetched, or the disk cannot be written or set up
     */
    public DiskSession open(DiskCopy copy) {
        Path base = base();
        return DiskSession.open(new DiskGuest(guests, recipe.kernel()), directory, base, copy);
    }

    /** The directory with the disk and its keys; they are made if they are not there. */
    Path base() {
        GuestKernel kernel = guests.kernel(recipe.kernel());
        Path base = directory.resolve(prefix() + version(kernel));
        if (!Files.isDirectory(base)) {
            try (CacheLock _ = CacheLock.of(
                    directory, () -> progress.accept("waiting for another process that uses " + directory + "..."))) {
                if (!Files.isDirectory(base)) {
                    removeOld();
                    AtomicFiles.directory(base, partial -> make(partial, kernel));
                }
            }
        }
        return base;
    }

    private void make(Path target, GuestKernel kernel) throws IOException {
        progress.accept("making a disk with Debian " + recipe.release() + ": this takes minutes, once");
        OpensshKey login = OpensshKey.generate("jcrosvm demo");
        OpensshKey host = OpensshKey.generate("jcrosvm demo host");
        Path disk = target.resolve(DiskSession.DISK);
        int[] count = new int[1];
        guests.archive()
                .withDependencies(recipe.release(), ARCHITECTURE, recipe.packages(), "a Debian system", packages -> {
                    count[0] = packages.size();
                    progress.accept("unpacking " + packages.size() + " packages...");
                    long now = Instant.now().getEpochSecond();
                    try (Ext4Image image = Ext4Image.create(disk, recipe.size(), "debian", UUID.randomUUID(), now)) {
                        DebianRoot root = new DebianRoot(image);
                        for (DebianPackage each : packages) {
                            root.unpack(each);
                        }
                        root.tree("usr/lib/modules/" + kernel.release(), kernel.moduleDirectory(), recipe::hasModule);
                        DiskSettings.write(root, recipe.release(), login, host);
                        root.finish();
                    }
                });
        progress.accept("setting the packages up in a virtual machine...");
        Path initramfs = target.resolve("setup.cpio");
        GuestImage setup = new DiskGuest(guests, recipe.kernel()).setup(initramfs);
        new DiskSetup(count[0], directory.resolve("setup.log"), progress).run(machine, setup, disk);
        Files.delete(initramfs);
        Files.createFile(
                target.resolve(DiskSession.KEY),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(target.resolve(DiskSession.KEY), login.privateFile());
        Files.writeString(target.resolve(DiskSession.KEY + ".pub"), login.publicLine() + "\n");
        // Whatever port leads to it.
        Files.writeString(target.resolve(DiskSession.KNOWN_HOSTS), "[127.0.0.1]:* " + host.publicLine() + "\n");
    }

    /** Removes disks of other recipes, and what an interrupted process left. */
    private void removeOld() {
        AtomicFiles.deletePartial(directory);
        try (Stream<Path> files = Files.list(directory)) {
            files.filter(file -> file.getFileName().toString().startsWith(prefix()))
                    .forEach(AtomicFiles::deleteTree);
        } catch (IOException e) {
            throw new VmmException("cannot read " + directory + ": " + AtomicFiles.reason(e), e);
        }
    }

    private String prefix() {
        return PREFIX + recipe.name() + "-";
    }

    /** Names the recipe, so that another one makes another disk. */
    private String version(GuestKernel kernel) {
        String text = VERSION + recipe.toString() + kernel.release() + GuestScripts.text("disk-setup.sh");
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash, 0, 4);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
