package jcrosvm.devices.snd;

import jcrosvm.virtio.Placement;

/** Where a card lives: nowhere but behind vhost-user. */
public enum SndPlacement {
    /** In a thread of the VM's process. */
    THREAD(Placement.THREAD),
    /** In a process of its own. */
    PROCESS(Placement.PROCESS);

    private final Placement placement;

    SndPlacement(Placement placement) {
        this.placement = placement;
    }

    Placement placement() {
        return placement;
    }
}
