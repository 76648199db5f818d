package jcrosvm.virtio;

/** What the VM that a device is made for tells it. */
public interface VmFacts {
    /** Number of vCPUs: how many queues are worth having. */
    int vcpus();

    /** Bytes of guest RAM. */
    long memorySize();
}
