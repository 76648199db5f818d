package jcrosvm.virtio;

/** Where a device lives. */
public enum Placement {
    /** In the process of the VM, called by the transport itself. */
    LOCAL,
    /** In the process of the VM, reached over vhost-user. */
    THREAD,
    /** In a process of its own, started by the VM. */
    PROCESS,
    /** In a process that the user started and that listens at a socket. */
    SOCKET
}
