/** Paging, the TLB, memory slots and what keeps processors' views of memory together. */
@NullMarked
package jcrosvm.hypervisor.soft.mmu;

import org.jspecify.annotations.NullMarked;
