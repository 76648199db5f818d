/** Guest images made from packages: initramfs, kernels, modules. */
@NullMarked
package jcrosvm.guest;

import org.jspecify.annotations.NullMarked;
