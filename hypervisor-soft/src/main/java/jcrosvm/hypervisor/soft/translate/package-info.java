/** Blocks of 64-bit code re-encoded as host code. */
@NullMarked
package jcrosvm.hypervisor.soft.translate;

import org.jspecify.annotations.NullMarked;
