package jcrosvm.guest;

import java.nio.file.Path;

/**
 * A kernel ready to boot.
 *
 * @param name for messages and test names
 * @param release as {@code uname -r} prints it in the guest
 * @param image the bzImage
 * @param moduleDirectory what would be {@code /lib/modules/RELEASE}
 */
public record GuestKernel(String name, String release, Path image, Path moduleDirectory) {
    public KernelModules modules() {
        return KernelModules.of(moduleDirectory);
    }
}
