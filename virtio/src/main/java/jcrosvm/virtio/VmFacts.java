package jcrosvm.virtio;

/**
 * What the VM that a device is made for tells it.
 *
 * @param vcpus number of vCPUs: how many queues are worth having
 * @param memorySize bytes of guest RAM
 */
public record VmFacts(int vcpus, long memorySize) {}
