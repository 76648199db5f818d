package jcrosvm.boot.kernel;

import java.util.Optional;
import jcrosvm.boot.EntryState;
import jcrosvm.boot.LoadedGuest;

/** Words the outcome of loading a kernel. */
final class LoadedKernel {
    private LoadedKernel() {}

    static LoadedGuest of(EntryState state, String how, long entry, Initrd initrd) {
        String text = "%s, entry 0x%x".formatted(how, entry);
        if (initrd.size() > 0) {
            text += ", initrd 0x%x+0x%x".formatted(initrd.address(), initrd.size());
        }
        return new LoadedGuest(Optional.of(state), Optional.empty(), text);
    }
}
