package jcrosvm.vmm.board;

/**
 * The guest's paravirtual clock.
 *
 * @param nanos that it shows
 */
public record GuestClockState(long nanos) {}
