package jcrosvm.boot.kernel;

import java.util.Optional;
import jcrosvm.boot.EntryState;
import jcrosvm.boot.LoadedGuest;

/** Words the outcome of loading a kernel. */
final class LoadedKernel {
    private LoadedKernel() {}

    static LoadedGuest of(EntryState state, String how, long entry, Initrd initrd) {
        String text = how + ", entry 0x" + Long.toHexString(entry);
        if (initrd.size() > 0) {
            text += ", initrd 0x" + Long.toHexString(initrd.address()) + "+0x" + Long.toHexString(initrd.size());
        }
        return new LoadedGuest(Optional.of(state), Optional.empty(), text);
    }
}
