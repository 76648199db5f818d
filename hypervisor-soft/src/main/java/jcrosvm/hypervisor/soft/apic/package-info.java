/** Local APICs and their timers. */
@NullMarked
package jcrosvm.hypervisor.soft.apic;

import org.jspecify.annotations.NullMarked;
