package jcrosvm.guest;

import java.nio.file.Path;

/**
 * What a machine needs to boot a guest.
 *
 * @param kernel a bzImage
 * @param initramfs given to the kernel as initrd
 * @param parameters the kernel's command line
 */
public record GuestImage(Path kernel, Path initramfs, String parameters) {}
