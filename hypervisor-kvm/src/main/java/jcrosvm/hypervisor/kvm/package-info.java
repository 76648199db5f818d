/** The hypervisor interfaces over /dev/kvm. */
@NullMarked
package jcrosvm.hypervisor.kvm;

import org.jspecify.annotations.NullMarked;
