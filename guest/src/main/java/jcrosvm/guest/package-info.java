/**
 * Guest images made from packages of a distribution, for the demo, the tests and the rig.
 *
 * <p>Three layers. <b>Formats</b>: {@link jcrosvm.guest.Initramfs} writes a cpio archive that Linux unpacks as its first
 * root file system; {@link jcrosvm.guest.DebianPackage} reads a .deb; {@link jcrosvm.guest.KernelModules} finds modules
 * and the order in which they load. None of them starts a process or needs privileges. <b>Sources</b>:
 * {@link jcrosvm.guest.DebianArchive} asks apt, as an ordinary user and with a private root, for packages that the host
 * has not installed; {@link jcrosvm.guest.Guests} keeps what they contain in a cache that several processes may use at
 * once and that works without a network once it is filled. <b>Guests</b>: {@link jcrosvm.guest.DemoGuest} and
 * {@link jcrosvm.guest.TestGuest} put a kernel, a static busybox and an init script together to a
 * {@link jcrosvm.guest.GuestImage} that any x86 machine with a COM1 can boot.
 */
@NullMarked
package jcrosvm.guest;

import org.jspecify.annotations.NullMarked;
