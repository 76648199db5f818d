package jcrosvm.e2e;

import jcrosvm.guest.DebianDisk;
import jcrosvm.guest.DiskCopy;
import jcrosvm.guest.DiskRecipe;
import jcrosvm.guest.DiskSession;
import jcrosvm.guest.Guests;
import jcrosvm.guest.LauncherMachine;

/** The Debian that tests work in: with systemd, its generic kernel, compilers and interpreters. */
final class WorkDisk {
    private WorkDisk() {}

    /** A copy of the disk, which is made if it is not in the cache. */
    static DiskSession open() {
        LauncherMachine machine = new LauncherMachine(SourceTree.ROOT.resolve("jcrosvm"));
        return new DebianDisk(Guests.ofUser(line -> {}), DiskRecipe.WORK, machine, line -> {}).open(DiskCopy.RAW);
    }
}
