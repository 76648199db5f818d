package jcrosvm.devices.snd;

import java.util.List;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.Reader;
import jcrosvm.virtio.Virtqueue;
import jcrosvm.virtio.Writer;
import org.jspecify.annotations.Nullable;

/**
 * The transmit or the receive queue (virtio 1.3, 5.14.6.8): hands requests to the streams that they are for, which keep
 * them until the host wants them. The worker's thread only.
 */
final class PcmQueue implements QueueHandler {
    private final Card card;
    private final boolean isInput;
    private final List<PcmStream> all;
    private final PcmStream[] own;
    private final QueueWorker worker;
    private @Nullable Virtqueue queue;
    private long taken;

    /** @param all streams of the card, by number */
    PcmQueue(Card card, boolean isInput, List<PcmStream> all, QueueWorker worker) {
        this.card = card;
        this.isInput = isInput;
        this.all = all;
        this.worker = worker;
        own = all.stream().filter(stream -> stream.isInput() == isInput).toArray(PcmStream[]::new);
    }

    @Override
    public void process(Virtqueue working) {
        if (queue == null) {
            queue = working;
            taken = 0;
            for (PcmStream stream : own) {
                stream.attach(this);
            }
        }
        working.disableNotifications();
        for (int i = 0; i < working.size(); i++) {
            DescriptorChain chain = working.pop();
            if (chain == null) {
                break;
            }
            taken++;
            accept(chain);
        }
        for (PcmStream stream : own) {
            stream.ready();
        }
        working.flush();
        if (working.enableNotifications()) {
            worker.again(working.index());
        }
    }

    private void accept(DescriptorChain chain) {
        Reader reader = chain.readable();
        int number = reader.remaining() < Integer.BYTES ? -1 : reader.getInt();
        PcmStream stream = number < 0 || number >= all.size() ? null : all.get(number);
        if (stream == null || stream.isInput() != isInput || !stream.keeps(chain, taken - 1)) {
            refuse(chain);
        }
    }

    private void refuse(DescriptorChain chain) {
        Writer writer = chain.writable();
        long samples = writer.remaining() - SndSpec.PCM_STATUS_LENGTH;
        card.samples.clear();
        if (samples >= 0 && samples <= SavedStream.MOST_PERIOD) {
            writer.collect(card.samples, samples);
            card.samples.fill(0, samples, (byte) 0);
            complete(chain, SndSpec.VIRTIO_SND_S_IO_ERR, 0, (int) samples);
        } else if (queue != null) {
            queue.complete(chain, 0); // no room for a status, or too much to be one period
        }
    }

    /**
     * Gives a request back; the writer of it stands behind its samples.
     *
     * @param captured bytes of samples in front of the status
     */
    void complete(DescriptorChain chain, int status, long latency, int captured) {
        Virtqueue to = queue;
        if (to != null) {
            chain.writable().putInt(status);
            chain.writable().putInt((int) Math.min(latency, Integer.MAX_VALUE));
            to.complete(chain, captured + SndSpec.PCM_STATUS_LENGTH);
        }
    }

    /** Shows the driver what was given back. */
    void flush() {
        if (queue != null) {
            queue.flush();
        }
    }

    /** What no stream has got to yet goes back into the ring, as far as the order allows; the rest is played. */
    @Override
    public void drain(Virtqueue working) {
        while (giveBackLast(working)) {
            taken--;
        }
        for (PcmStream stream : own) {
            stream.detach();
        }
        queue = null;
    }

    private boolean giveBackLast(Virtqueue working) {
        for (PcmStream stream : own) {
            DescriptorChain chain = stream.giveBack(taken - 1);
            if (chain != null) {
                working.unpop(chain);
                return true;
            }
        }
        return false;
    }
}
