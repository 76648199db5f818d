package jcrosvm.vhostuser.frontend;

import java.util.function.Supplier;

/**
 * How a front end gets a backend again that it has lost.
 *
 * @param seconds how long it tries
 * @param attempt connects; throws a {@link jcrosvm.base.VmmException} when no backend is there
 */
record Reconnection(int seconds, Supplier<BackEnd> attempt) {}
