package jcrosvm.devices.snd;

import static jcrosvm.devices.snd.SndSpec.VIRTIO_SND_S_BAD_MSG;
import static jcrosvm.devices.snd.SndSpec.VIRTIO_SND_S_IO_ERR;
import static jcrosvm.devices.snd.SndSpec.VIRTIO_SND_S_NOT_SUPP;
import static jcrosvm.devices.snd.SndSpec.VIRTIO_SND_S_OK;

import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.IoVec;
import jcrosvm.sound.SampleFormat;
import jcrosvm.sound.Silence;
import jcrosvm.sound.SoundStream;
import jcrosvm.sound.StreamEvents;
import jcrosvm.sound.StreamParameters;
import jcrosvm.virtio.DescriptorChain;
import org.jspecify.annotations.Nullable;

/** A stream of the card: its state, and the requests that wait for the host. The worker's thread only. */
final class PcmStream implements StreamEvents {
    /** Shorter periods would keep the worker's thread, which runs before all others, from ever waiting. */
    private static final int MOST_PERIODS_PER_SECOND = 1000;

    private final Card card;
    private final int number;
    private final PcmEntry entry;
    private final List<StreamEffect> effects;
    private final Pending pending = new Pending();

    private StreamState state = StreamState.NONE;
    private boolean isJustReset;
    private int format;
    private int rate;
    private int channels;
    private long bufferBytes;
    private int periodBytes;
    private int features;

    private @Nullable PcmQueue queue;
    private @Nullable SoundStream host;
    private @Nullable Silence silence;
    private boolean isBehind; // an xrun was told, and no period was in time since

    PcmStream(Card card, int number, PcmEntry entry, List<StreamEffect> effects) {
        this.card = card;
        this.number = number;
        this.entry = entry;
        this.effects = effects;
    }

    boolean isInput() {
        return entry.isInput();
    }

    StreamState state() {
        return state;
    }

    /** VIRTIO_SND_R_PCM_SET_PARAMS; its status. The values are as the driver has them. */
    int setParameters(long buffer, long period, int wanted, int channelCount, int formatNumber, int rateNumber) {
        if (channelCount < 1
                || channelCount > entry.mostChannels()
                || !SndSpec.has(entry.formats(), formatNumber)
                || !SndSpec.has(entry.rates(), rateNumber)
                || (wanted & ~SndSpec.STREAM_FEATURES) != 0) {
            return VIRTIO_SND_S_NOT_SUPP;
        }
        if (period == 0 || buffer < period || buffer % period != 0) {
            return VIRTIO_SND_S_BAD_MSG;
        }
        if (period > SavedStream.MOST_PERIOD || !StreamState.SET_PARAMS.mayFollow(state)) {
            return VIRTIO_SND_S_NOT_SUPP;
        }
        closeHost(false);
        completePending();
        bufferBytes = buffer;
        periodBytes = (int) period;
        features = wanted;
        channels = channelCount;
        format = formatNumber;
        rate = rateNumber;
        isJustReset = false;
        state = StreamState.SET_PARAMS;
        return VIRTIO_SND_S_OK;
    }

    /** VIRTIO_SND_R_PCM_PREPARE, START, STOP and RELEASE; its status. */
    int move(StreamState next) {
        if (!next.mayFollow(state)) {
            return isJustReset ? VIRTIO_SND_S_OK : VIRTIO_SND_S_NOT_SUPP;
        }
        switch (next) {
            case PREPARE -> {
                if (!isPlayable()) {
                    return VIRTIO_SND_S_NOT_SUPP;
                }
                closeHost(false);
                try {
                    host = open();
                } catch (VmmException e) {
                    card.log(System.Logger.Level.WARNING, "stream " + number + ": " + e.getMessage());
                    completePending();
                    state = StreamState.SET_PARAMS;
                    return VIRTIO_SND_S_IO_ERR;
                }
            }
            case START -> {
                state = next;
                resume();
            }
            case STOP -> stopHost();
            case RELEASE -> {
                completePending();
                closeHost(false);
            }
            case NONE, SET_PARAMS -> throw new IllegalArgumentException(next.name());
        }
        state = next;
        return VIRTIO_SND_S_OK;
    }

    /** Whether periods are whole frames, and long enough. */
    private boolean isPlayable() {
        int frame = SndSpec.format(format).bytes() * channels;
        return frame > 0
                && periodBytes % frame == 0
                && (long) periodBytes / frame * MOST_PERIODS_PER_SECOND >= SndSpec.rate(rate);
    }

    private SoundStream open() {
        SampleFormat samples = SndSpec.format(format);
        silence = Silence.of(samples);
        isBehind = false;
        return card.backend.open(
                new StreamParameters(
                        entry.index(),
                        entry.isInput(),
                        samples,
                        SndSpec.rate(rate),
                        channels,
                        periodBytes,
                        bufferBytes,
                        effects.contains(StreamEffect.ECHO_CANCELLATION)),
                card.poller,
                this);
    }

    private void resume() {
        SoundStream stream = host;
        if (stream != null && queue != null && state == StreamState.START) {
            stream.start();
            ready();
        }
    }

    private void stopHost() {
        SoundStream stream = host;
        if (stream != null) {
            stream.stop();
        }
    }

    private void closeHost(boolean atOnce) {
        SoundStream stream = host;
        host = null;
        if (stream != null) {
            if (atOnce) {
                stream.abort();
            } else {
                stream.close();
            }
        }
    }

    /** Gives all requests back that wait: what was to be played is not, and what was to be captured is silence. */
    private void completePending() {
        PcmQueue to = queue;
        for (DescriptorChain chain = pending.poll(); chain != null; chain = pending.poll()) {
            if (to != null) {
                giveSilence(to, chain);
            }
        }
        if (to != null) {
            to.flush();
        }
    }

    private void giveSilence(PcmQueue to, DescriptorChain chain) {
        int captured = 0;
        if (isInput()) {
            card.samples.clear();
            captured = (int) (chain.writable().remaining() - SndSpec.PCM_STATUS_LENGTH);
            chain.writable().collect(card.samples, captured);
            fillWithSilence(card.samples);
        }
        to.complete(chain, VIRTIO_SND_S_OK, 0, captured);
    }

    private void fillWithSilence(IoVec samples) {
        Silence silent = silence;
        if (silent != null) {
            silent.fill(samples, 0);
        }
    }

    /** Its queue works from now on. */
    void attach(PcmQueue to) {
        queue = to;
        resume();
    }

    /** Its queue stops: what could not go back into the ring is moved at once, and the host's clock stands still. */
    void detach() {
        SoundStream stream = host;
        for (DescriptorChain chain = pending.poll(); chain != null; chain = pending.poll()) {
            if (stream != null) {
                transfer(stream, chain);
            } else if (queue != null) {
                giveSilence(queue, chain);
            }
        }
        if (state == StreamState.START) {
            stopHost();
        }
        queue = null;
    }

    /** The youngest request that waits, if it has this place in the queue; it is not this stream's any more. */
    @Nullable
    DescriptorChain giveBack(long place) {
        return pending.pollLast(place);
    }

    /** Keeps a request, whose reader stands behind the stream's number; false when it is none that the stream takes. */
    boolean keeps(DescriptorChain chain, long place) {
        long samples = isInput()
                ? chain.writable().remaining() - SndSpec.PCM_STATUS_LENGTH
                : chain.readable().remaining();
        boolean isFit =
                host != null && samples == periodBytes && chain.writable().remaining() >= SndSpec.PCM_STATUS_LENGTH;
        if (isFit) {
            pending.add(chain, place);
        }
        return isFit;
    }

    /** Moves periods that are due. */
    @Override
    public void ready() {
        SoundStream stream = host;
        PcmQueue to = queue;
        if (stream == null || to == null || state != StreamState.START) {
            return;
        }
        while (stream.isReady()) {
            DescriptorChain chain = pending.poll();
            if (chain != null) {
                isBehind = false;
                transfer(stream, chain);
            } else if (stream.miss()) {
                xrun();
            } else {
                break;
            }
        }
        to.flush();
    }

    private void transfer(SoundStream stream, DescriptorChain chain) {
        IoVec samples = card.samples;
        samples.clear();
        if (isInput()) {
            chain.writable().collect(samples, periodBytes);
            stream.transfer(samples);
            if (card.isMuted) {
                fillWithSilence(samples);
            }
        } else if (card.isMuted) {
            stream.skip();
        } else {
            chain.readable().collect(samples, periodBytes);
            stream.transfer(samples);
        }
        PcmQueue to = queue;
        if (to != null) {
            to.complete(chain, VIRTIO_SND_S_OK, stream.latencyBytes(), isInput() ? periodBytes : 0);
        }
        tell(SndSpec.VIRTIO_SND_PCM_F_EVT_SHMEM_PERIODS, SndSpec.VIRTIO_SND_EVT_PCM_PERIOD_ELAPSED);
    }

    /** Tells the driver, once until it is in time again. */
    @Override
    public void xrun() {
        if (!isBehind) {
            isBehind = true;
            card.log(System.Logger.Level.DEBUG, "stream " + number + (isInput() ? ": overrun" : ": underrun"));
            tell(SndSpec.VIRTIO_SND_PCM_F_EVT_XRUNS, SndSpec.VIRTIO_SND_EVT_PCM_XRUN);
        }
    }

    private void tell(int feature, int event) {
        if (SndSpec.has(features, feature)) {
            card.events.send(event, number);
        }
    }

    /** The driver has reset the device. */
    void reset() {
        closeHost(true);
        state = StreamState.NONE;
        isJustReset = true;
        features = 0;
    }

    SavedStream save() {
        return new SavedStream(state, format, rate, channels, bufferBytes, periodBytes, features, effects, isJustReset);
    }

    /** Whether a state is one that this stream can have. */
    boolean canBe(SavedStream saved) {
        boolean isSet = saved.channels() >= 1
                && saved.channels() <= entry.mostChannels()
                && saved.periodBytes() > 0
                && saved.bufferBytes() >= saved.periodBytes()
                && SndSpec.has(entry.formats(), saved.format())
                && SndSpec.has(entry.rates(), saved.rate());
        boolean isUnset = saved.state() == StreamState.NONE
                && (saved.format() | saved.rate() | saved.channels() | saved.periodBytes() | saved.features()) == 0;
        return saved.effects().equals(effects) && (isSet || isUnset);
    }

    /**
     * Takes over a state that it can have.
     *
     * @throws VmmException when the host cannot open the stream
     */
    void restore(SavedStream saved) {
        closeHost(true);
        format = saved.format();
        rate = saved.rate();
        channels = saved.channels();
        bufferBytes = saved.bufferBytes();
        periodBytes = saved.periodBytes();
        features = saved.features();
        isJustReset = saved.justReset();
        state = saved.state();
        if (state.isOpen()) {
            if (!isPlayable()) {
                throw new VmmException(card.label + "stream " + number + " cannot have periods of " + periodBytes
                        + " bytes as its state says");
            }
            host = open();
        }
    }

    /** The card ends. */
    void close() {
        closeHost(true);
    }
}
