package jcrosvm.base;

/**
 * Links what every native call goes through while the program does other things: the foreign function interface makes
 * that code at run time, which takes a third of a start. A caller that comes before it is done waits.
 */
public final class LinkAhead extends Thread {
    private LinkAhead() {
        super("link");
        setDaemon(true);
    }

    /** Begins, once in a program; {@link Libc} itself must not have been touched before. */
    public static void begin() {
        new LinkAhead().start();
    }

    @Override
    public void run() {
        Libc.ABS.call(0);
    }
}
