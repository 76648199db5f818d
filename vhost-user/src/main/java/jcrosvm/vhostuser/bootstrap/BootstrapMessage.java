package jcrosvm.vhostuser.bootstrap;

import java.util.List;
import jcrosvm.base.Limits;
import jcrosvm.config.Value;
import jcrosvm.virtio.VmFacts;
import org.jspecify.annotations.Nullable;

/**
 * What passes between a VM and the process of one of its devices. The VM sends {@link StartUp}, then {@link Half}, and is
 * answered by {@link Ready} or {@link Failed}. From then on it sends {@link Verb}s, each of which has one {@link Answer}.
 */
public sealed interface BootstrapMessage {
    /** Longest text of a failure, in characters. */
    int MOST_TEXT = 1000;

    /** How many descriptors come with it. */
    default int descriptors() {
        return 0;
    }

    /**
     * What every process of ours is told. The descriptors are the file for messages and the metrics connection, as far as
     * they are there.
     *
     * @param parent process id of the VM
     * @param logFilter as of {@code --log-level}
     * @param syslogTag name of the program in the host's log, or null to leave that alone
     * @param hasLogFile whether messages go to a file of its own
     * @param hasMetrics whether there is a connection to a metrics process: never, as yet
     */
    record StartUp(int parent, String logFilter, @Nullable String syslogTag, boolean hasLogFile, boolean hasMetrics)
            implements BootstrapMessage {
        @Override
        public int descriptors() {
            return (hasLogFile ? 1 : 0) + (hasMetrics ? 1 : 0);
        }
    }

    /**
     * The device. The descriptors are its end of the vhost-user connection, its exit event, and those that its module has
     * opened.
     *
     * @param kind name of the module
     * @param index among all devices of the kind: the number of a sound card
     * @param label in front of each line of the log that is about the device
     * @param vm that it is for
     * @param config the module's configuration record
     * @param type name of the class of what the module says of the descriptors
     * @param description what it says
     * @param names of the module's descriptors, in order
     */
    record Half(
            String kind,
            int index,
            String label,
            VmFacts vm,
            Value config,
            String type,
            Value description,
            List<String> names)
            implements BootstrapMessage {
        public Half {
            names = List.copyOf(names);
        }

        @Override
        public int descriptors() {
            return 2 + names.size();
        }
    }

    /**
     * The device is there, and what it is.
     *
     * @param type device type number (virtio 1.3, 5)
     * @param features that it offers
     * @param queueSizes the largest size of each queue
     * @param configLength bytes of configuration space
     * @param unsavable why its state cannot be saved; empty when it can
     */
    record Ready(int type, long features, List<Integer> queueSizes, int configLength, String unsavable)
            implements BootstrapMessage {
        private static final int MOST_QUEUES = 64;
        private static final int MOST_ENTRIES = 32768;
        private static final int MOST_CONFIG = 4096;

        public Ready {
            queueSizes = List.copyOf(queueSizes);
            Limits.range("type", type, 1, 63);
            Limits.range("number of queues", queueSizes.size(), 1, MOST_QUEUES);
            queueSizes.forEach(size -> Limits.range("queue size", size, 1, MOST_ENTRIES));
            Limits.range("config length", configLength, 0, MOST_CONFIG);
            Limits.range("length of a text", unsavable.length(), 0, MOST_TEXT);
        }
    }

    /**
     * There will be no device.
     *
     * @param reason one line for the user
     */
    record Failed(String reason) implements BootstrapMessage {
        public Failed {
            reason = line(reason);
        }
    }

    /**
     * A request of the control socket.
     *
     * @param id of the answer
     * @param verb its name
     * @param body what stands under the name
     */
    record Verb(long id, String verb, Value body) implements BootstrapMessage {}

    /**
     * The reply to a request.
     *
     * @param id of the request
     * @param errno why it was not carried out, or 0
     * @param reply null when it was not carried out
     */
    record Answer(long id, int errno, @Nullable Value reply) implements BootstrapMessage {
        public Answer {
            Limits.range("errno", errno, 0, 4095);
            if (errno == 0 && reply == null) {
                throw new IllegalArgumentException("an answer without a reply");
            }
        }
    }

    /** One line of printable characters, not too long. */
    private static String line(String text) {
        String whole = text.length() <= MOST_TEXT ? text : text.substring(0, MOST_TEXT);
        return whole.replaceAll("\\p{Cntrl}", " ");
    }
}
