package jcrosvm.devices.snd;

import java.util.List;

/**
 * The state of a card.
 *
 * @param features that it offers
 * @param tables what the driver was told
 * @param streams in the order of the tables
 * @param muted whether it is silent, whatever is played
 */
public record SndState(long features, SndTables tables, List<SavedStream> streams, boolean muted) {
    public SndState {
        streams = List.copyOf(streams);
    }
}
