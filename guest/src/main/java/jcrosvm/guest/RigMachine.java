package jcrosvm.guest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import jcrosvm.base.VmmException;

/**
 * Program that makes what tools/kvm-rig starts: {@code RigMachine QEMU-DIRECTORY MACHINE-DIRECTORY INIT MODULE...}.
 *
 * <p>The first directory gets a QEMU with every library it needs, the second a kernel ({@code vmlinuz}) and an
 * initramfs ({@code initrd}) of busybox, the modules and the script INIT. A directory that is there is left alone.
 */
public final class RigMachine {
    private static final String RELEASE = "trixie";

    private RigMachine() {}

    public static void main(String[] args) {
        if (args.length < 3) {
            System.err.println("usage: RigMachine QEMU-DIRECTORY MACHINE-DIRECTORY INIT MODULE...");
            System.exit(2);
        }
        try {
            List<String> modules = Arrays.asList(args).subList(3, args.length);
            make(Guests.ofUser(System.err::println), Path.of(args[0]), Path.of(args[1]), Path.of(args[2]), modules);
        } catch (VmmException e) {
            System.err.println("kvm-rig: " + e.getMessage());
            System.exit(1);
        }
    }

    private static void make(Guests guests, Path qemu, Path machine, Path init, List<String> modules) {
        if (!Files.isDirectory(qemu)) {
            AtomicFiles.directory(
                    qemu,
                    partial -> guests.archive()
                            .unpackWithDependencies(RELEASE, "amd64", List.of("qemu-system-x86"), partial));
        }
        if (!Files.isDirectory(machine)) {
            GuestKernel kernel = guests.kernel(DebianKernel.GENERIC_6_12);
            Path busybox = guests.busybox();
            AtomicFiles.directory(machine, partial -> {
                Files.copy(kernel.image(), partial.resolve("vmlinuz"));
                initramfs(kernel, busybox, init, modules).write(partial.resolve("initrd"));
            });
        }
    }

    private static Initramfs initramfs(GuestKernel kernel, Path busybox, Path init, List<String> modules)
            throws IOException {
        Initramfs initramfs = new Initramfs()
                .file("/bin/busybox", 0755, busybox)
                .init(Files.readString(init))
                .modules(kernel.modules().loadOrder(modules));
        for (String directory : new String[] {"/dev", "/proc", "/sys", "/run", "/tmp"}) {
            initramfs.directory(directory);
        }
        return initramfs;
    }
}
