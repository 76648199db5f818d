/** State of an x86-64 vCPU as plain values. */
@NullMarked
package jcrosvm.hypervisor.x86;

import org.jspecify.annotations.NullMarked;
