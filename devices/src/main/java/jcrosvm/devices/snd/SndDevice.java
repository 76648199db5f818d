package jcrosvm.devices.snd;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletionStage;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Threads;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.RecordBinder;
import jcrosvm.config.RecordWriter;
import jcrosvm.config.Value;
import jcrosvm.sound.SoundBackend;
import jcrosvm.virtio.ConfigBytes;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.VirtioDevice;
import org.jspecify.annotations.Nullable;

/** A sound card: one thread for its queues, its streams and what they are connected to. */
final class SndDevice implements VirtioDevice {
    private static final int PRIORITY = 10;

    private final DeviceTraits traits = new DeviceTraits(
            SndSpec.TYPE, 0, Collections.nCopies(SndSpec.QUEUES, SndSpec.QUEUE_SIZE), SndSpec.CONFIG_LENGTH);
    private final SndTables tables;
    private final ConfigBytes configSpace;
    private final QueueWorker worker;
    private final SoundBackend backend;
    private final Card card;
    private final SndEvents events;
    private final List<PcmStream> streams = new ArrayList<>();
    private final List<QueueHandler> handlers;
    private boolean hasPriority; // or tried to get it

    /** @param backend owned from now on */
    SndDevice(SndParameters parameters, SoundBackend backend) {
        this.backend = backend;
        SndConfig config = parameters.config();
        worker = new QueueWorker("snd" + parameters.cardIndex());
        tables = SndTables.of(config, backend);
        events = new SndEvents(worker);
        card = new Card(parameters.label(), backend, worker.poller(), events);
        List<List<StreamEffect>> outputs = effects("output", config.outputDeviceConfig(), config.numOutputDevices());
        List<List<StreamEffect>> inputs = effects("input", config.inputDeviceConfig(), config.numInputDevices());
        for (PcmEntry entry : tables.streams()) {
            List<StreamEffect> own = (entry.isInput() ? inputs : outputs).get(entry.device());
            streams.add(new PcmStream(card, streams.size(), entry, own));
        }
        handlers = List.of(
                QueueHandler.forEach(new SndControl(tables, streams)),
                events,
                new PcmQueue(card, false, streams, worker),
                new PcmQueue(card, true, streams, worker));
        configSpace = new ConfigBytes(SndSpec.CONFIG_LENGTH)
                .putInt(4, streams.size())
                .putInt(8, tables.chmaps().size());
        // Without a clock the thread never waits while the driver does not: it must not stand before all others.
        hasPriority = config.pace() == SndPace.OFF;
    }

    /** The effects of each PCM device, where the user said something of as many as there are or of others. */
    private List<List<StreamEffect>> effects(String direction, List<PcmDeviceConfig> said, int devices) {
        if (!said.isEmpty() && said.size() != devices) {
            card.log(
                    System.Logger.Level.WARNING,
                    "%s_device_config is for %d devices, and there are %d: %s"
                            .formatted(
                                    direction,
                                    said.size(),
                                    devices,
                                    said.size() < devices ? "the others have no effects" : "the rest is left out"));
        }
        List<List<StreamEffect>> effects = new ArrayList<>();
        for (int i = 0; i < devices; i++) {
            effects.add(i < said.size() ? said.get(i).effects() : List.of());
        }
        return effects;
    }

    @Override
    public DeviceTraits traits() {
        return traits;
    }

    @Override
    public void negotiated(long features) {}

    @Override
    public void readConfig(int offset, byte[] into) {
        configSpace.read(offset, into);
    }

    @Override
    public void startQueue(int index, QueueResources resources) {
        if (!hasPriority) {
            hasPriority = true;
            worker.execute(this::takePriority);
        }
        if (index == SndSpec.EVENT_QUEUE) {
            events.use(resources);
        }
        worker.start(resources, handlers.get(index));
    }

    private void takePriority() {
        try {
            Threads.realTime(PRIORITY);
        } catch (OsException e) {
            card.log(System.Logger.Level.WARNING, "sound may stutter on a busy host: " + e.getMessage());
        }
    }

    @Override
    public @Nullable QueueState stopQueue(int index) {
        return worker.stop(index);
    }

    @Override
    public void reset() {
        worker.perform(() -> {
            streams.forEach(PcmStream::reset);
            return true;
        });
    }

    @Override
    public byte[] saveState() {
        return worker.perform(() -> {
            SndState state = new SndState(
                    traits.features(),
                    tables,
                    streams.stream().map(PcmStream::save).toList(),
                    card.isMuted);
            return JsonWriter.compact(RecordWriter.write(state)).getBytes(StandardCharsets.UTF_8);
        });
    }

    @Override
    public void restoreState(byte[] state) {
        SndState saved =
                RecordBinder.bindSaved(JsonReader.parse(new String(state, StandardCharsets.UTF_8)), SndState.class);
        if (saved.features() != traits.features() || !saved.tables().equals(tables)) {
            throw new VmmException(
                    card.label + "the state is of a sound card with other streams; give the same --virtio-snd");
        }
        for (int i = 0; i < streams.size(); i++) {
            if (saved.streams().size() != streams.size()
                    || !streams.get(i).canBe(saved.streams().get(i))) {
                throw new VmmException(card.label + "stream " + i + " cannot have the state that was saved");
            }
        }
        worker.perform(() -> {
            restore(saved);
            return true;
        });
    }

    private void restore(SndState saved) {
        List<SavedStream> before = streams.stream().map(PcmStream::save).toList();
        try {
            for (int i = 0; i < streams.size(); i++) {
                streams.get(i).restore(saved.streams().get(i));
            }
            card.isMuted = saved.muted();
        } catch (RuntimeException e) {
            for (int i = 0; i < streams.size(); i++) {
                streams.get(i).restore(before.get(i));
            }
            throw e;
        }
    }

    @Override
    public CompletionStage<Value> command(String verb, Value body) {
        if (!verb.equals(SndCommand.VERB.name())) {
            return VirtioDevice.super.command(verb, body);
        }
        card.isMuted = SndCommand.muted(body);
        return SndCommand.done();
    }

    @Override
    public void close() {
        worker.perform(() -> {
            streams.forEach(PcmStream::close);
            backend.close();
            return true;
        });
        worker.close();
    }
}
