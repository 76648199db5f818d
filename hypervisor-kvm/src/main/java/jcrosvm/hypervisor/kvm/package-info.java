/**
 * KVM through ioctl(2): one class per kind of descriptor ({@code /dev/kvm}, VM, vCPU), structures laid out by hand in
 * {@link jcrosvm.hypervisor.kvm.KvmSpec}'s terms. Numbers and layouts are those of linux/kvm.h for x86-64.
 */
@NullMarked
package jcrosvm.hypervisor.kvm;

import org.jspecify.annotations.NullMarked;
