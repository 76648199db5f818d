/** The host's side of network devices: what a queue pair's packets go to and come from. */
@NullMarked
package jcrosvm.network;

import org.jspecify.annotations.NullMarked;
