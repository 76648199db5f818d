package jcrosvm.app;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import jcrosvm.app.log.Log;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Signals;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.base.io.Threads;
import jcrosvm.vhostuser.Connection;
import jcrosvm.vhostuser.ProtocolException;
import jcrosvm.vhostuser.backend.DeviceServer;
import jcrosvm.vhostuser.backend.FrontEnds;
import jcrosvm.vhostuser.backend.GuestMemorySource;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;

/** Devices of this process that VMs of others use, until their front ends are gone or a signal comes. */
final class ServedDevices implements AutoCloseable {
    /** About front ends, which can come and go as often as they like. */
    private static final LimitedLog LOG = LimitedLog.of(ServedDevices.class);

    /**
     * What is known of VMs that come later: a queue for each vCPU is worth having up to as many as crosvm's backends have,
     * and no device but a balloon with a size asks for the memory.
     */
    private static final VmFacts ANY_VM = new VmFacts(16, 0);

    /** A device with its front ends. */
    record Served(String kind, String name, VirtioDevice device, FrontEnds frontEnds) implements AutoCloseable {
        @Override
        public void close() {
            frontEnds.close();
            device.close();
        }
    }

    private final boolean keep;
    private final EventFd exit = new EventFd(); // stays open: a signal may come at any time
    private final List<Served> all = new ArrayList<>();

    /** @param keep whether each serves one front end after another */
    ServedDevices(boolean keep) {
        this.keep = keep;
        Signals.onTermination(this::stop);
    }

    /**
     * Opens one more.
     *
     * @param frontEnds looked for when the configuration is known to be good
     */
    <C extends DeviceConfig> void add(DeviceModule<C> module, C config, Supplier<FrontEnds> frontEnds) {
        config.validate();
        int index = (int)
                all.stream().filter(other -> other.kind.equals(module.name())).count();
        FrontEnds from = frontEnds.get();
        try {
            VirtioDevice device = DeviceModule.make(module, config, index, ANY_VM);
            all.add(new Served(module.name(), module.name() + index, device, from));
        } catch (RuntimeException e) {
            from.close();
            throw e;
        }
    }

    boolean isEmpty() {
        return all.isEmpty();
    }

    /** Ends all of them, soon. From any thread. */
    void stop() {
        exit.signal();
    }

    /** The devices of one kind, in order. */
    Map<Integer, VirtioDevice> ofKind(String kind) {
        Map<Integer, VirtioDevice> devices = new LinkedHashMap<>();
        for (Served one : all) {
            if (one.kind.equals(kind)) {
                devices.put(devices.size(), one.device());
            }
        }
        return devices;
    }

    /** Serves all of them to the end; whether none has failed. */
    boolean run() {
        AtomicBoolean isWell = new AtomicBoolean(true);
        List<Thread> threads = new ArrayList<>();
        for (Served one : all) {
            Runnable serve = () -> {
                if (!serve(one)) {
                    isWell.set(false);
                }
            };
            if (all.size() == 1) {
                serve.run();
            } else {
                threads.add(ThreadScope.current().start(one.name, serve));
            }
        }
        threads.forEach(Threads::join);
        return isWell.get();
    }

    private boolean serve(Served one) {
        Log.info("vhost-user " + one.kind + " device ready");
        boolean isWell = true;
        while (true) {
            try (Connection connection = one.frontEnds.next(exit)) {
                if (connection == null) {
                    break;
                }
                if (!keep) {
                    one.frontEnds.close();
                }
                isWell = serve(one, connection);
            } catch (VmmException e) {
                Log.write(System.Logger.Level.ERROR, one.name + ": " + e.getMessage());
                return false;
            }
        }
        if (all.size() > 1) {
            Log.info(one.name + " has ended" + (isWell ? "" : " with an error"));
        }
        return isWell || keep;
    }

    private boolean serve(Served one, Connection connection) {
        try {
            new DeviceServer(one.device, connection, GuestMemorySource.MAPPED).run(exit);
            return true;
        } catch (ProtocolException e) {
            LOG.log(System.Logger.Level.ERROR, one.name + ": " + e.getMessage());
            return false;
        }
    }

    @Override
    public void close() {
        all.forEach(Served::close);
    }
}
