package jcrosvm.guest;

import java.nio.file.Path;

/** Runs the machine in which the packages of a new disk set themselves up. */
@FunctionalInterface
public interface SetupMachine {
    /**
     * Boots a guest, and returns when it has switched itself off. It needs one processor, 512 MiB and no network.
     *
     * @param disk a raw image, the machine's only virtio disk
     * @param console a Unix stream socket that listens; COM1's output goes there
     * @throws jcrosvm.base.VmmException if the machine cannot run or ends in another way
     */
    void run(GuestImage guest, Path disk, Path console);
}
