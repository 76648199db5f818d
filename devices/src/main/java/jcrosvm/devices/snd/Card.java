package jcrosvm.devices.snd;

import jcrosvm.base.LimitedLog;
import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Poller;
import jcrosvm.sound.SoundBackend;
import jcrosvm.virtio.DescriptorChain;

/** What the streams of a card have in common. Of the worker's thread, but for {@link #isMuted}. */
final class Card {
    private static final LimitedLog LOG = LimitedLog.of(Card.class);

    final String label;
    final SoundBackend backend;
    final Poller poller;
    final SndEvents events;
    /** The samples of the request that is worked on. */
    final IoVec samples = new IoVec(DescriptorChain.MAX_BUFFERS);

    volatile boolean isMuted;

    Card(String label, SoundBackend backend, Poller poller, SndEvents events) {
        this.label = label;
        this.backend = backend;
        this.poller = poller;
        this.events = events;
    }

    void log(System.Logger.Level level, String message) {
        LOG.log(level, label + message);
    }
}
