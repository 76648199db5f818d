package jcrosvm.base;

/**
 * A part of a machine whose state can be saved, and given to an equal part of another machine.
 *
 * <p>The state has what a guest could notice and what configuration does not decide; it has no descriptor, thread or
 * address of the host. The record's constructor refuses values that the part could never have. A component that a later
 * version adds gets its value for older states from the record's {@code defaults()}.
 *
 * @param <R> the state, plain values and records of them
 */
public interface Stateful<R extends Record> {
    /** The state now. Nothing may change the part meanwhile: the machine is suspended. */
    R state();

    /**
     * Takes over a state, and sets the part's interrupt lines and timers accordingly. The parts that those lead to have
     * been restored before: a line that is high already stays as it is.
     *
     * @throws VmmException when this part is another than the one that was saved; nothing is changed then
     */
    void restore(R state);
}
