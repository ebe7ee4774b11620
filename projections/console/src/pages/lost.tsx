import { Link } from "@tanstack/react-router";
import { Empty } from "../ui/atoms";

/** An address that leads to no page. */
export const Lost = () => <Empty>There is no such page. <Link to="/" className="text-accent underline">Mission</Link> has the whole fleet; <kbd>/</kbd> searches.</Empty>;
