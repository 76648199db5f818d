package jcrosvm.bus;

/** An interrupt line. Setting a level it already has is harmless. Thread-safe. */
@FunctionalInterface
public interface IrqLine {
    void set(boolean level);

    /** An edge: up and down again. */
    default void pulse() {
        set(true);
        set(false);
    }
}
