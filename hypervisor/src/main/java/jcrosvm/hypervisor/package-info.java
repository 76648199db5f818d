/** A VM, its vCPUs and its interrupt chip, as KVM and the software CPU provide them. Guest accesses leave through {@link jcrosvm.hypervisor.VcpuExitHandler}; providers are found by {@link java.util.ServiceLoader}. */
@NullMarked
package jcrosvm.hypervisor;

import org.jspecify.annotations.NullMarked;
