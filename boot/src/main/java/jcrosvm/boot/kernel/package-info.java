/**
 * Loading of kernels and firmware: files go straight into guest memory, and the first vCPU's registers come out.
 *
 * <p>Which protocol an image is started with is decided in this order:
 *
 * <ol>
 *   <li>a Multiboot 1 header with address fields, or one in a 32-bit ELF file: Multiboot;
 *   <li>an ELF64 file entered at a physical address of a segment that is linked to the upper half of the address space,
 *       which is what vmlinux is: Linux's 64-bit entry with boot_params;
 *   <li>any other ELF file with a XEN_ELFNOTE_PHYS32_ENTRY note: PVH. A file that says how it wants to be started is
 *       believed before guesses are made;
 *   <li>any other ELF64 file: long mode at its entry point with boot_params, any other ELF32 file: flat 32-bit mode;
 *   <li>a file with the Linux setup header: bzImage, by its 64-bit entry, or the 32-bit one if it has no other.
 * </ol>
 *
 * <p>All numbers in an image are hostile until checked: each range is held against guest RAM before anything is read
 * into it, sums are made so that they cannot wrap around, and everything wrong is one
 * {@link jcrosvm.base.VmmException} that names the file.
 */
@NullMarked
package jcrosvm.boot.kernel;

import org.jspecify.annotations.NullMarked;
