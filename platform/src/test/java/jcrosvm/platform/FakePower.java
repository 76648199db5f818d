package jcrosvm.platform;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Remembers the last things asked of it. */
public final class FakePower implements PowerControl {
    public final List<String> asked = new CopyOnWriteArrayList<>();

    private void ask(String what) {
        if (asked.size() < 16) {
            asked.add(what);
        }
    }

    @Override
    public void powerOff() {
        ask("off");
    }

    @Override
    public void reset() {
        ask("reset");
    }

    @Override
    public void sleep() {
        ask("sleep");
    }

    @Override
    public void guestPanicked() {
        ask("panic");
    }
}
