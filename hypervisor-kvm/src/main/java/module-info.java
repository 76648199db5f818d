/** The hypervisor interfaces over /dev/kvm. */
module jcrosvm.hypervisor.kvm {
    requires static org.jspecify;
    requires jcrosvm.hypervisor;

    provides jcrosvm.hypervisor.HypervisorProvider with
            jcrosvm.hypervisor.kvm.KvmProvider;
}
