/** The registers of a processor. */
@NullMarked
package jcrosvm.hypervisor.soft.cpu;

import org.jspecify.annotations.NullMarked;
