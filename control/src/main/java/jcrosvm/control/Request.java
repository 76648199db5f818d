package jcrosvm.control;

import jcrosvm.config.JsonReader;
import jcrosvm.config.Value;

/** What a client asks. */
public sealed interface Request {
    /** Requests without parameters; each has the name that stands in the JSON. */
    enum Command implements Request {
        /** End the VM; the guest is not told. */
        EXIT("Exit"),
        /** Press the ACPI power button. */
        POWER_BUTTON("Powerbtn"),
        /** Press the ACPI sleep button. */
        SLEEP_BUTTON("Sleepbtn"),
        /** Suspend the vCPUs. */
        SUSPEND_VCPUS("SuspendVcpus"),
        /** Let the vCPUs run. */
        RESUME_VCPUS("ResumeVcpus"),
        /** Suspend vCPUs and devices. */
        SUSPEND_VM("SuspendVm"),
        /** Let devices and vCPUs run. */
        RESUME_VM("ResumeVm");

        private final String json;

        Command(String json) {
            this.json = json;
        }

        /** The name in the protocol. */
        public String json() {
            return json;
        }
    }

    /**
     * A request with fields, which a kind of device answers.
     *
     * @param name in the protocol, letters only: {@code DiskCommand}
     * @param body what stands under it
     */
    record Verb(String name, Value body) implements Request {
        /** With a body that is written as JSON. */
        public static Verb of(String name, String json) {
            return new Verb(name, JsonReader.parse(json));
        }
    }

    /**
     * A request of the protocol that this VM cannot carry out.
     *
     * @param name in the protocol
     */
    record Unsupported(String name) implements Request {}

    /**
     * What is no request of the protocol.
     *
     * @param reason for the log
     */
    record Malformed(String reason) implements Request {}
}
