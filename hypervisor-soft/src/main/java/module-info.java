/** The hypervisor interfaces over a software x86-64 processor. */
module jcrosvm.hypervisor.soft {
    requires static org.jspecify;
    requires jcrosvm.hypervisor;

    provides jcrosvm.hypervisor.HypervisorProvider with
            jcrosvm.hypervisor.soft.SoftProvider;
}
