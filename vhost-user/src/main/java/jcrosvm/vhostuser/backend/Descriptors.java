package jcrosvm.vhostuser.backend;

import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.vhostuser.Message;

/** Descriptors that come with messages; their receiver owns them from then on. */
final class Descriptors {
    private Descriptors() {}

    /** @throws VmmException when none came */
    static Fd take(Message message) {
        if (message.descriptors().size() != 1) {
            throw new VmmException("no descriptor came with it");
        }
        return own(message.descriptors().getFirst());
    }

    /** Takes one from its message. */
    static Fd own(Fd descriptor) {
        return Fd.adopt(descriptor.release());
    }

    /** As {@link #take}, for one that may be anything: it makes no thread wait. */
    static Fd takeNonBlocking(Message message) {
        message.descriptors().forEach(fd -> fd.nonBlocking(true));
        return take(message);
    }

    static EventFd event(Message message) {
        return new EventFd(takeNonBlocking(message));
    }
}
