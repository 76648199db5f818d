package jcrosvm.vmm;

/**
 * The machine's sleep, ACPI S1.
 *
 * @param asleep whether the guest has asked for it and has not been woken
 */
public record SleepState(boolean asleep) {}
