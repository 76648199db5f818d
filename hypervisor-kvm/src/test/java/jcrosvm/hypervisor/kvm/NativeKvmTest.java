package jcrosvm.hypervisor.kvm;

import org.junit.jupiter.api.Tag;

/** The same on a KVM that runs guests on the processor, whatever the machine's own does. */
@Tag("kvm")
class NativeKvmTest extends KvmTest {}
