package jcrosvm.devices.snd;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** The hooks of a product; which wants more only of cards that are named so. */
public final class RecordingHooks implements SndHooks {
    static final String WANTS_MORE = "hooked";
    static final List<Card> CARDS = new CopyOnWriteArrayList<>();

    @Override
    public int inputDevices(SndConfig config) {
        return WANTS_MORE.equals(config.source()) ? 3 : 0;
    }

    @Override
    public int inputStreams(SndConfig config) {
        return WANTS_MORE.equals(config.source()) ? 2 : 0;
    }

    @Override
    public void card(Card card) {
        CARDS.add(card);
    }
}
