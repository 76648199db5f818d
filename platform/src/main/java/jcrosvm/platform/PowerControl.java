package jcrosvm.platform;

/** What the guest can ask of the machine through platform devices. Called on vCPU threads; returns at once. */
public interface PowerControl {
    /** ACPI S5. */
    void powerOff();

    /** A reset through port 0xCF9, the keyboard controller or the ACPI reset register. */
    void reset();

    /** ACPI S1: the guest wants its vCPUs suspended. */
    void sleep();

    /** The guest reported a panic through pvpanic; it decides itself how to go on. */
    void guestPanicked();
}
