/** The hypervisor interfaces over /dev/kvm. */
module jcrosvm.hypervisor.kvm {
    requires static org.jspecify;
    requires jcrosvm.hypervisor;
}
