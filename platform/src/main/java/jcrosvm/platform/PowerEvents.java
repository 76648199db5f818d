package jcrosvm.platform;

/** How a machine tells its guest of power events. Thread-safe. */
public interface PowerEvents {
    void pressPowerButton();

    void pressSleepButton();

    /** The machine has come back from sleep. */
    void woken();

    /** Whether an event that the guest has enabled waits for it; such a one ends a sleep at once. */
    boolean isEventPending();
}
