package jcrosvm.devices.snd;

import java.util.ServiceLoader;

/**
 * Where a product adds to the sound devices of a VM: an implementation is found by {@link java.util.ServiceLoader}, the
 * first of several. Nothing is added by default. Called in the process of the VM, wherever cards live.
 */
public interface SndHooks {
    /** Adds nothing. */
    SndHooks NONE = new SndHooks() {};

    /** Those of the product that this program is a part of. */
    static SndHooks ofProduct() {
        return ServiceLoader.load(SndHooks.class, SndHooks.class.getClassLoader())
                .findFirst()
                .orElse(NONE);
    }

    /**
     * A card and what it is known by.
     *
     * @param clientId what the host's sound server knows the VM by
     * @param cardIndex position among the VM's cards
     */
    record Card(String clientId, int cardIndex) {}

    /** PCM devices that capture, of a card of the command line; 0 leaves those of the option. */
    default int inputDevices(SndConfig config) {
        return 0;
    }

    /** Streams of each of them; 0 leaves those of the option. */
    default int inputStreams(SndConfig config) {
        return 0;
    }

    /** A card is about to be made: a product may keep a state for its sound service. */
    default void card(Card card) {}
}
